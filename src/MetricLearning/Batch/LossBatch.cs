using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The input of a loss: embeddings, the references that they are compared with, and the pairs that may be used. It caches what
/// several losses compute from them.</summary>
/// <remarks>
/// Losses and miners that get the same batch share its candidates and one distance matrix for each distance. The references are the batch
/// itself unless others are given. The batch may be disposed before or after <c>backward()</c>: autograd keeps what it needs.
/// <para>Thread safety: one thread at a time, because distances and candidates are computed on first use.</para>
/// </remarks>
public sealed class LossBatch : IDisposable
{
    private readonly Dictionary<Distance, DistanceView> views = [];
    private readonly List<Tensor> owned = [];
    private readonly Tensor embeddings, references;
    private readonly Tensor? self;
    private Pairs? candidates;
    private Tensor? effectiveRank;
    private bool? isFinite;
    private LackingRows? lacking;
    private bool isDisposed;

    /// <summary>Makes a batch whose rows are compared with each other.</summary>
    /// <param name="embeddings">The embeddings [N, D], floating point; N may be 0.</param>
    /// <param name="labels">The labels [N], integers of any width.</param>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public LossBatch(Tensor embeddings, Tensor labels)
    {
        Guard.Matrix(embeddings);
        Gradient.Release();
        using var scope = NewDisposeScope();
        var wide = Guard.Labels(labels, embeddings.size(0));
        this.embeddings = references = Own(RowMath.Widen(embeddings));
        ReferenceLabels = Labels = Keep(wide, labels);
        MeetsItself = true;
        Rows = Columns = Embeddings.size(0);
    }

    /// <summary>Makes a batch that is compared with references: a second view, a memory, a teacher.</summary>
    /// <param name="embeddings">The embeddings [N, D], floating point; N may be 0.</param>
    /// <param name="labels">The labels [N], integers of any width.</param>
    /// <param name="references">The references [M, D], of the same type and device; M may be 0.</param>
    /// <param name="referenceLabels">The labels of the references [M], integers of any width.</param>
    /// <param name="self">Integers [N] in [0, M), if the references contain the rows of the batch: the column of each row. A row is not
    /// compared with its own column. Null if the references are other embeddings.</param>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public LossBatch(Tensor embeddings, Tensor labels, Tensor references, Tensor referenceLabels, Tensor? self = null)
    {
        Guard.SameWidth(embeddings, references);
        using var scope = NewDisposeScope();
        var wide = Guard.Labels(labels, embeddings.size(0));
        var wideReferences = Guard.Labels(referenceLabels, references.size(0));
        var columns = self is null ? null : Guard.Labels(self, embeddings.size(0));
        if (columns is not null) Guard.InRange(columns, references.size(0), nameof(self));
        (this.embeddings, this.references) = (Own(RowMath.Widen(embeddings)), Own(RowMath.Widen(references)));
        Labels = Keep(wide, labels);
        ReferenceLabels = Keep(wideReferences, referenceLabels);
        this.self = columns is null ? null : Keep(columns, self!);
        (Rows, Columns) = (Embeddings.size(0), References.size(0));
    }

    /// <summary>Makes a batch with given tuples. Nothing is mined.</summary>
    /// <param name="embeddings">The embeddings [N, D], floating point; N may be 0.</param>
    /// <param name="tuples">Pairs or triplets over N rows and N columns (M columns, with references). They stay the caller's.</param>
    /// <param name="references">The references [M, D]; null if the batch is compared with itself.</param>
    /// <exception cref="ArgumentException">The tuples are not of this size, point outside it, or lie on another device.</exception>
    public LossBatch(Tensor embeddings, Tuples tuples, Tensor? references = null)
    {
        ArgumentNullException.ThrowIfNull(tuples);
        Guard.Matrix(embeddings);
        if (references is not null) Guard.SameWidth(embeddings, references);
        (Rows, Columns) = (embeddings.size(0), (references ?? embeddings).size(0));
        if (tuples.Rows != Rows || tuples.Columns != Columns)
            throw new ArgumentException($"tuples must be over {Rows} rows and {Columns} columns, got {tuples.Rows} and {tuples.Columns}.",
                nameof(tuples));
        if (tuples.Device is var device && (device.type != embeddings.device_type || device.index != embeddings.device_index))
            throw new ArgumentException($"tuples must be on the device of the embeddings, {embeddings.device}, got {device}.",
                nameof(tuples));
        tuples.RequireInRange();
        MeetsItself = references is null;
        this.embeddings = Own(RowMath.Widen(embeddings));
        this.references = references is null ? this.embeddings : Own(RowMath.Widen(references));
        Given = tuples;
    }

    /// <summary>The embeddings [N, D], float32 or float64 (half precision is widened to float32), with gradient.</summary>
    /// <exception cref="ObjectDisposedException">The batch has been disposed.</exception>
    public Tensor Embeddings => Guard.Owned(embeddings, this);

    /// <summary>The labels, int64 [N]; null if tuples were given instead.</summary>
    public Tensor? Labels { get; }

    /// <summary>The references [M, D]; the embeddings themselves if no references were given.</summary>
    /// <exception cref="ObjectDisposedException">The batch has been disposed.</exception>
    public Tensor References => Guard.Owned(references, this);

    /// <summary>The labels of the references, int64 [M]; null if tuples were given instead.</summary>
    public Tensor? ReferenceLabels { get; }

    /// <summary>Takes the distances of rows to themselves from the matrix [N, M]; null if the references are other embeddings.</summary>
    internal Tensor? OwnDistances(Tensor matrix) => MeetsItself ? matrix.diagonal()
        : self is null ? null : matrix.gather(1, self.unsqueeze(1));

    /// <summary>Whether the references are the batch itself.</summary>
    public bool MeetsItself { get; }

    /// <summary>The tuples that the caller gave; null if labels and a miner make them.</summary>
    public Tuples? Given { get; }

    /// <summary>Whether the caller needs every value, so that a loss must not return sums of values.</summary>
    internal bool WantsEachValue { get; init; }

    /// <summary>Whether the embeddings are known to be finite. They are checked once, and only on the CPU.</summary>
    internal bool IsKnownFinite => isFinite ??= FiniteCheck.IsKnown(Embeddings);

    /// <summary>The number of rows N of the batch.</summary>
    public long Rows { get; }

    /// <summary>The number of rows M of the references, which is the number of columns of the distance matrix.</summary>
    public long Columns { get; }

    /// <summary>The pairs that may be used: by the labels, or by the given tuples.</summary>
    /// <exception cref="ObjectDisposedException">The batch has been disposed.</exception>
    public Pairs Candidates
    {
        get
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            if (candidates is not null) return candidates;
            candidates = Given is not null ? Given.AsPairs()
                : MeetsItself ? Pairs.FromLabels(Labels!)
                : Pairs.FromLabels(Labels!, ReferenceLabels!, self);
            // Pairs that were given stay in the caller's dispose scope.
            if (!ReferenceEquals(candidates, Given)) candidates.DetachFromDisposeScope();
            return candidates;
        }
    }

    /// <summary>Gets the distances of this batch. All calls with an equal distance get the same view, with one matrix.</summary>
    /// <param name="distance">The distance.</param>
    /// <exception cref="ArgumentNullException">The distance is null.</exception>
    public DistanceView Distances(Distance distance)
    {
        ArgumentNullException.ThrowIfNull(distance);
        ObjectDisposedException.ThrowIf(isDisposed, this);
        if (!views.TryGetValue(distance, out var view)) views[distance] = view = new(this, distance, Embeddings);
        return view;
    }

    /// <summary>The rows without a positive and the rows without a negative: counted by labels, without a mask [N, M].</summary>
    internal LackingRows Lacking => lacking ??= Given is not null ? LackingRows.OfPairs(Candidates)
        : MeetsItself ? LackingRows.OfLabels(Labels!)
        : LackingRows.OfLabels(Labels!, ReferenceLabels!, self);

    /// <summary>
    /// A scalar without gradient: (Σλ)² / Σλ² of the eigenvalues λ of the embeddings' covariance, from the smaller of XᵀX and XXᵀ of the
    /// centered embeddings X. It is 0 if the rows differ by at most the rounding of their type, because the directions of rounding errors
    /// mean nothing.
    /// </summary>
    internal Tensor EffectiveRank
    {
        get
        {
            if (effectiveRank is not null) return effectiveRank;
            using var noGradient = no_grad();
            using var scope = NewDisposeScope();
            var centered = RowMath.Deviations(Embeddings, 0);
            var (length, rounding) = (centered.norm(), Embeddings.norm() * S(finfo(Embeddings.dtype).eps));
            centered = where(length <= rounding, zeros_like(centered), centered / length);
            var product = Rows < Embeddings.size(1) ? centered.matmul(centered.t()) : centered.t().matmul(centered);
            var squares = product.pow(S(2)).sum();
            return effectiveRank = Own((centered.pow(S(2)).sum().pow(S(2)) / squares.masked_fill(squares == S(0), S(1)))
                .MoveToOuterDisposeScope());
        }
    }

    /// <summary>Frees the tensors that were computed from the batch, but not the given tensors.</summary>
    public void Dispose()
    {
        isDisposed = true;
        foreach (var tensor in owned) tensor.Dispose();
        if (!ReferenceEquals(candidates, Given)) candidates?.Dispose();
    }

    /// <summary>Gets the labels for a loss that needs them.</summary>
    /// <exception cref="InvalidOperationException">Tuples were given instead of labels.</exception>
    internal Tensor RequireLabels(string loss) =>
        Labels ?? throw new InvalidOperationException($"{loss} needs labels, but tuples were given.");

    /// <summary>Keeps a tensor as long as this batch lives.</summary>
    internal Tensor Own(Tensor tensor)
    {
        owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    /// <summary>Keeps integers on the device of the embeddings, and frees them with the batch unless they are the caller's
    /// tensor.</summary>
    private Tensor Keep(Tensor integers, Tensor given)
    {
        var placed = integers.device_type == Embeddings.device_type && integers.device_index == Embeddings.device_index ? integers
            : integers.to(Embeddings.device);
        return ReferenceEquals(placed, given) ? given : Own(placed);
    }
}
