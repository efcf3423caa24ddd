using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>What a loss is computed on: embeddings, the references that they meet, who may meet whom, and what is worked out from them
/// once.</summary>
/// <remarks>
/// Losses and miners that are given the same batch share its candidates and one distance matrix for each distance. The references are the
/// batch itself unless others are given. Dispose it after <c>backward()</c> or before, as you like: autograd holds what it needs.
/// </remarks>
public sealed class LossBatch : IDisposable
{
    private readonly Dictionary<Distance, DistanceView> views = [];
    private readonly List<Tensor> owned = [];
    private readonly Tensor? self;
    private Pairs? candidates;
    private Tensor? effectiveRank;
    private bool? isFinite;

    /// <summary>A batch that meets itself.</summary>
    /// <param name="embeddings">[N, D], floating point; N may be 0.</param>
    /// <param name="labels">int64 [N].</param>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public LossBatch(Tensor embeddings, Tensor labels)
    {
        Guard.Matrix(embeddings);
        Guard.Labels(labels, embeddings.size(0));
        Gradient.Release();
        Embeddings = Own(RowMath.Widen(embeddings));
        References = Embeddings;
        ReferenceLabels = Labels = OnDevice(labels);
        MeetsItself = true;
        Rows = Columns = Embeddings.size(0);
    }

    /// <summary>A batch that meets references: a second view, a memory, a teacher.</summary>
    /// <param name="embeddings">[N, D].</param>
    /// <param name="labels">int64 [N].</param>
    /// <param name="references">[M, D], of the same type and device.</param>
    /// <param name="referenceLabels">int64 [M].</param>
    /// <param name="self">int64 [N], where the references hold the batch's own rows: the column of each, which it shall not meet. Null
    /// where they do not.</param>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public LossBatch(Tensor embeddings, Tensor labels, Tensor references, Tensor referenceLabels, Tensor? self = null)
    {
        Guard.SameWidth(embeddings, references);
        Guard.Labels(labels, embeddings.size(0));
        Guard.Labels(referenceLabels, references.size(0));
        Embeddings = Own(RowMath.Widen(embeddings));
        Labels = OnDevice(labels);
        References = Own(RowMath.Widen(references));
        ReferenceLabels = OnDevice(referenceLabels);
        (Rows, Columns) = (Embeddings.size(0), References.size(0));
        this.self = self is null ? null : OnDevice(self);
    }

    /// <summary>A batch of which the tuples are given, so that nothing is mined.</summary>
    /// <param name="embeddings">[N, D].</param>
    /// <param name="tuples">Pairs or triplets over N rows and N columns (M, with references). They stay the caller's.</param>
    /// <param name="references">[M, D]; null where the batch meets itself.</param>
    /// <exception cref="ArgumentException">The tuples are not of this size, or point outside it.</exception>
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
        Embeddings = Own(RowMath.Widen(embeddings));
        References = references is null ? Embeddings : Own(RowMath.Widen(references));
        Given = tuples;
    }

    /// <summary>[N, D], float32 or float64 (half precision was widened), with gradient.</summary>
    public Tensor Embeddings { get; }

    /// <summary>int64 [N]; null where tuples were given instead.</summary>
    public Tensor? Labels { get; }

    /// <summary>[M, D]: what the embeddings meet; the embeddings themselves where the batch meets itself.</summary>
    public Tensor References { get; }

    /// <summary>int64 [M]; null where tuples were given instead.</summary>
    public Tensor? ReferenceLabels { get; }

    /// <summary>Whether the references are the batch itself.</summary>
    public bool MeetsItself { get; }

    /// <summary>The tuples that the caller gave; null where they come from labels and a miner.</summary>
    public Tuples? Given { get; }

    /// <summary>Whether values are wanted one by one, so that no loss may give sums of them.</summary>
    internal bool WantsEachValue { get; init; }

    /// <summary>Whether the embeddings are known to be finite; looked at on the CPU only, once.</summary>
    internal bool IsKnownFinite => isFinite ??= FiniteCheck.IsKnown(Embeddings);

    /// <summary>N.</summary>
    public long Rows { get; }

    /// <summary>M.</summary>
    public long Columns { get; }

    /// <summary>Who may meet whom: by the labels, or by the given tuples.</summary>
    public Pairs Candidates
    {
        get
        {
            if (candidates is not null) return candidates;
            candidates = Given is not null ? Given.AsPairs()
                : MeetsItself ? Pairs.FromLabels(Labels!)
                : Pairs.FromLabels(Labels!, ReferenceLabels!, self);
            candidates.DetachFromDisposeScope();
            return candidates;
        }
    }

    /// <summary>The distances of this batch by one measure; one view, and one matrix, for everyone who asks for an equal
    /// distance.</summary>
    public DistanceView Distances(Distance distance)
    {
        ArgumentNullException.ThrowIfNull(distance);
        if (!views.TryGetValue(distance, out var view)) views[distance] = view = new(this, distance, Embeddings);
        return view;
    }

    /// <summary>
    /// Scalar without gradient: (Σλ)² / Σλ² of the eigenvalues of the embeddings' covariance, from the smaller of its two products; 0 where
    /// all rows are equal.
    /// </summary>
    internal Tensor EffectiveRank
    {
        get
        {
            if (effectiveRank is not null) return effectiveRank;
            using var noGradient = no_grad();
            using var scope = NewDisposeScope();
            var centered = Embeddings - Embeddings.sum(dim: 0) / S(Math.Max(1, Rows));
            centered = centered / centered.norm().clamp_min(S(1e-30));
            var product = Rows < Embeddings.size(1) ? centered.matmul(centered.t()) : centered.t().matmul(centered);
            var squares = product.pow(S(2)).sum();
            return effectiveRank = Own((centered.pow(S(2)).sum().pow(S(2)) / squares.masked_fill(squares == S(0), S(1)))
                .MoveToOuterDisposeScope());
        }
    }

    /// <summary>Frees what was worked out, not the tensors that were given.</summary>
    public void Dispose()
    {
        foreach (var tensor in owned) tensor.Dispose();
        if (!ReferenceEquals(candidates, Given)) candidates?.Dispose();
    }

    internal Tensor RequireLabels(string loss) =>
        Labels ?? throw new InvalidOperationException($"{loss} needs labels, and tuples were given.");

    internal Tensor Own(Tensor tensor)
    {
        owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    private Tensor OnDevice(Tensor labels) =>
        labels.device_type == Embeddings.device_type && labels.device_index == Embeddings.device_index ? labels
            : Own(labels.to(Embeddings.device));
}
