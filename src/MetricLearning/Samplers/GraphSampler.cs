using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// P×K of identities that are hard to tell apart: each batch is one identity and the P − 1 that are nearest to it by the distances of the
/// model in training. An epoch has one batch for each identity.
/// </summary>
/// <remarks>
/// At the start of an epoch embed one picture of each identity, and hand their distances over:
/// <code>
/// var rows = sampler.Representatives(epoch);
/// using var embeddings = Embed(rows);                                      // [Identities, D]
/// using var distances = Distance.Cosine.Matrix(embeddings, embeddings);
/// sampler.Update(distances);
/// </code>
/// Until the first time the neighbors are drawn at random. An epoch is a pure function of the seed, its number and <see cref="Neighbors"/>:
/// keep these beside <see cref="Sampler.State"/> in a checkpoint, and a run resumes in the middle of an epoch. Pictures of an identity come
/// in random order, all before one comes again as far as groups of K allow. Liao and Shao, <i>Graph Sampling Based Deep Metric Learning for
/// Generalizable Person Re-Identification</i>, CVPR 2022 (GraphSampler of QAConv).
/// </remarks>
public sealed class GraphSampler : Sampler
{
    private readonly int[] starts;      // the pictures of identity i are rows[starts[i]..starts[i + 1]]
    private readonly int[] rows;
    private int[]? neighbors;

    /// <summary>A sampler over the pictures with these labels.</summary>
    /// <param name="labels">The identity of each picture, any numbers.</param>
    /// <param name="identitiesPerBatch">P, at least 2 (of all processes together).</param>
    /// <param name="imagesPerIdentity">K, at least 1.</param>
    /// <param name="shard">The share of one process among several: whole identities.</param>
    /// <param name="seed">The seed of all epochs.</param>
    /// <exception cref="ArgumentException">There are fewer than P identities.</exception>
    /// <exception cref="ArgumentOutOfRangeException">P or K is too small.</exception>
    public GraphSampler(IReadOnlyList<long> labels, int identitiesPerBatch = 16, int imagesPerIdentity = 4, SamplerShard shard = default,
        ulong seed = 0)
        : base(checked(Guard.AtLeast(identitiesPerBatch, 2) * Guard.AtLeast(imagesPerIdentity, 1)), seed, shard, imagesPerIdentity)
    {
        ArgumentNullException.ThrowIfNull(labels);
        (IdentitiesPerBatch, ImagesPerIdentity) = (identitiesPerBatch, imagesPerIdentity);
        (starts, rows, _) = Groups.Of(labels, minimum: 1);
        if (Identities < identitiesPerBatch)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"labels must hold at least {identitiesPerBatch} identities, got {Identities}."), nameof(labels));
    }

    /// <summary>P: how many identities a batch of all processes together holds.</summary>
    public int IdentitiesPerBatch { get; }

    /// <summary>K: how many pictures of each identity a batch holds.</summary>
    public int ImagesPerIdentity { get; }

    /// <summary>How many identities there are, in the order in which they first come in the labels.</summary>
    public int Identities => starts.Length - 1;

    /// <summary>[Identities · (P − 1)]: the nearest identities of each, nearest first; null until <see cref="Update"/>. For
    /// checkpoints.</summary>
    /// <exception cref="ArgumentException">The length or an identity does not fit: they are of another sampler or of other
    /// data.</exception>
    public IReadOnlyList<int>? Neighbors
    {
        get => neighbors;
        set
        {
            if (value is not null && (value.Count != Identities * (IdentitiesPerBatch - 1) || value.Any(i => i < 0 || i >= Identities)))
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                    $"Neighbors must be {IdentitiesPerBatch - 1} of {Identities} for each identity, got {value.Count}: are they of "
                        + $"another sampler?"),
                    nameof(Neighbors));
            neighbors = value is null ? null : [.. value];
        }
    }

    /// <summary>One picture of each identity, drawn for an epoch: those to embed for <see cref="Update"/>.</summary>
    /// <returns>Rows [Identities], in the order of the identities.</returns>
    public long[] Representatives(int epoch)
    {
        var random = SeededRandom.ForStream(Seed, (ulong)Guard.AtLeast(epoch, 0), 1);
        var chosen = new long[Identities];
        for (var i = 0; i < chosen.Length; i++) chosen[i] = rows[starts[i] + random.NextInt(starts[i + 1] - starts[i])];
        return chosen;
    }

    /// <summary>Takes the nearest identities of each from their distances, of equally near ones the earlier.</summary>
    /// <param name="distances">[Identities, Identities], on any device.</param>
    /// <exception cref="ArgumentException">The distances are not of this size, or not finite.</exception>
    public void Update(Tensor distances)
    {
        Guard.Matrix(distances);
        if (distances.size(0) != Identities || distances.size(1) != Identities)
            throw new ArgumentException($"distances must be [{Identities}, {Identities}], got {Guard.Shape(distances)}.",
                nameof(distances));
        Guard.Finite(distances);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var itself = eye(Identities, dtype: ScalarType.Bool, device: distances.device);
        var (_, order) = distances.masked_fill(itself, S(double.PositiveInfinity)).sort(1, stable: true);
        using var nearest = order.narrow(1, 0, IdentitiesPerBatch - 1).to(ScalarType.Int32).cpu().contiguous();
        neighbors = nearest.data<int>().ToArray();
    }

    /// <inheritdoc/>
    public override long[] Draw(int epoch)
    {
        var random = RandomOf(epoch);
        int[] order = [.. rows];
        var taken = new int[Identities];
        for (var i = 0; i < Identities; i++) random.Shuffle(order.AsSpan(starts[i]..starts[i + 1]));
        int[] centers = [.. Enumerable.Range(0, Identities)];
        random.Shuffle(centers.AsSpan());
        int[] others = [.. Enumerable.Range(0, Identities)];
        var drawn = new List<long>(Identities * WholeBatchSize);
        foreach (var center in centers)
        {
            foreach (var identity in Near(center, others, random)) Take(identity);
            Take(center);
        }
        return Share([.. drawn]);

        void Take(int identity)
        {
            var own = order.AsSpan(starts[identity]..starts[identity + 1]);
            for (var left = ImagesPerIdentity; left > 0;)
            {
                if (taken[identity] + Math.Min(left, own.Length) > own.Length)
                {
                    random.Shuffle(own);
                    taken[identity] = 0;
                }
                foreach (var row in own.Slice(taken[identity], Math.Min(left, own.Length))) drawn.Add(row);
                taken[identity] += Math.Min(left, own.Length);
                left -= own.Length;
            }
        }
    }

    /// <inheritdoc/>
    public override int CountIn(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        return ShareOf(checked(Identities * WholeBatchSize));
    }

    private int[] Near(int center, int[] others, SeededRandom random)
    {
        var count = IdentitiesPerBatch - 1;
        if (neighbors is not null) return neighbors[(center * count)..((center + 1) * count)];
        var place = Array.IndexOf(others, center);
        (others[place], others[^1]) = (others[^1], others[place]);
        return random.Choose(others.AsSpan(..^1), count).ToArray();
    }
}
