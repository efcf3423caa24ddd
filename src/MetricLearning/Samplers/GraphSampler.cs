using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Draws P×K batches (K images of each of P identities) of identities that are hard to distinguish. Each batch has one identity and the
/// P − 1 identities nearest to it, by the distances of the model in training. An epoch has one batch for each identity.
/// </summary>
/// <remarks>
/// <para>At the start of an epoch, embed one image of each identity and pass the embeddings on:</para>
/// <code>
/// if (sampler.State.Position == 0)
/// {
///     var rows = sampler.Representatives(sampler.State.Epoch);
///     using var embeddings = Embed(rows);                                  // [Identities, D]
///     sampler.Update(embeddings, Distance.Cosine);
/// }
/// </code>
/// <para>Before the first <see cref="Update(Tensor, Distance)"/> the neighbors are drawn at random. An epoch is a pure function of the
/// seed, its number and <see cref="Neighbors"/>. A <see cref="TrainingCheckpoint"/> saves the neighbors together with
/// <see cref="Sampler.State"/>, so a run resumes in the middle of an epoch. Images of an identity are drawn in random order. As far as
/// groups of K allow, no image is drawn again before all others of its identity.</para>
/// <para>Liao and Shao, <i>Graph Sampling Based Deep Metric Learning for Generalizable Person Re-Identification</i>, CVPR 2022
/// (GraphSampler of QAConv).</para>
/// <para>Thread safety: as for <see cref="Sampler"/>. <see cref="Update(Tensor, Distance)"/> and setting <see cref="Neighbors"/> belong to
/// the one thread that enumerates; a <see cref="Draw"/> on another thread takes the neighbors from before or from after, never a
/// mixture.</para>
/// </remarks>
public sealed class GraphSampler : Sampler
{
    private const int BlockNumbers = 4 << 20;

    private readonly int[] starts;      // the images of identity i are rows[starts[i]..starts[i + 1]]
    private readonly int[] rows;
    private volatile int[]? neighbors;

    /// <summary>Creates a sampler over the images with these labels.</summary>
    /// <param name="labels">The identity of each image, any numbers.</param>
    /// <param name="identitiesPerBatch">P, the identities of a batch of all processes together, at least 2. Default: 16.</param>
    /// <param name="imagesPerIdentity">K, at least 1. Default: 4.</param>
    /// <param name="shard">The share of one process among several: whole identities. Default: one process that takes the whole
    /// batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException"><paramref name="labels"/> is null.</exception>
    /// <exception cref="ArgumentException">There are fewer than P identities, a batch or an epoch is larger than an array can be, or P
    /// cannot be divided among the processes evenly.</exception>
    /// <exception cref="ArgumentOutOfRangeException">P or K is too small.</exception>
    public GraphSampler(IReadOnlyList<long> labels, int identitiesPerBatch = 16, int imagesPerIdentity = 4, SamplerShard shard = default,
        ulong seed = 0)
        : base(SamplerSize.Product("a batch", nameof(imagesPerIdentity), Guard.AtLeast(identitiesPerBatch, 2),
            Guard.AtLeast(imagesPerIdentity, 1)), seed, shard, imagesPerIdentity)
    {
        ArgumentNullException.ThrowIfNull(labels);
        (IdentitiesPerBatch, ImagesPerIdentity) = (identitiesPerBatch, imagesPerIdentity);
        (starts, rows, _) = Groups.Of(labels, minimum: 1);
        if (Identities < identitiesPerBatch)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"labels must hold at least {identitiesPerBatch} identities, got {Identities}."), nameof(labels));
        SamplerSize.Product("an epoch", nameof(labels), Identities, WholeBatchSize);
    }

    /// <summary>P: the number of identities of a batch of all processes together.</summary>
    public int IdentitiesPerBatch { get; }

    /// <summary>K: the number of images of each identity of a batch.</summary>
    public int ImagesPerIdentity { get; }

    /// <summary>The number of identities. They are numbered in the order in which they first come in the labels.</summary>
    public int Identities => starts.Length - 1;

    /// <summary>[Identities · (P − 1)]: the numbers of the nearest identities of each identity, nearest first; null until
    /// <see cref="Update(Tensor, Distance)"/>. A <see cref="TrainingCheckpoint"/> saves them with the sampler.</summary>
    /// <exception cref="ArgumentException">The length or an identity does not fit, for example because they come from another sampler or
    /// from other data; or the neighbors of an identity hold itself, or one twice.</exception>
    public IReadOnlyList<int>? Neighbors
    {
        get => neighbors is { } known ? [.. known] : null;
        set
        {
            neighbors = Checked(value);
        }
    }

    /// <summary>Draws one image of each identity for an epoch. Embed these for <see cref="Update(Tensor, Distance)"/>.</summary>
    /// <param name="epoch">The number of the epoch, from 0.</param>
    /// <returns>Rows [Identities], in the order of the identities: a pure function of the seed and the epoch.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The epoch is negative.</exception>
    public long[] Representatives(int epoch)
    {
        var random = SeededRandom.ForStream(Seed, (ulong)Guard.AtLeast(epoch, 0), 1);
        var chosen = new long[Identities];
        for (var i = 0; i < chosen.Length; i++) chosen[i] = rows[starts[i] + random.NextInt(starts[i + 1] - starts[i])];
        return chosen;
    }

    /// <summary>Finds the nearest identities of each identity from their distances. Among equally near identities, the one with the lower
    /// number counts as nearer.</summary>
    /// <param name="distances">[Identities, Identities], on any device.</param>
    /// <exception cref="ArgumentException">The distances are null, of another size, or not finite.</exception>
    /// <exception cref="InvalidOperationException"><see cref="Sampler.State"/> is in the middle of an epoch. A checkpoint would resume the
    /// rest of that epoch with other batches.</exception>
    public void Update(Tensor distances)
    {
        Guard.Matrix(distances);
        if (distances.size(0) != Identities || distances.size(1) != Identities)
            throw new ArgumentException($"distances must be [{Identities}, {Identities}], got {Guard.Shape(distances)}.",
                nameof(distances));
        Guard.Finite(distances);
        RequireStart();
        neighbors = Nearest((first, count) => distances.narrow(0, first, count));
    }

    /// <summary>Finds the nearest identities of each identity by a distance of their embeddings. It computes a block of rows at a time,
    /// which takes about 64 MB for any number of identities.</summary>
    /// <param name="embeddings">[Identities, D], in the order of <see cref="Representatives"/>, on any device.</param>
    /// <param name="distance">The distance. Among equally near identities, the one with the lower number counts as nearer.</param>
    /// <exception cref="ArgumentNullException"><paramref name="distance"/> is null.</exception>
    /// <exception cref="ArgumentException">The embeddings are null, of another number of rows, or not finite.</exception>
    /// <exception cref="InvalidOperationException">As for <see cref="Update(Tensor)"/>.</exception>
    public void Update(Tensor embeddings, Distance distance)
    {
        Guard.Matrix(embeddings);
        ArgumentNullException.ThrowIfNull(distance);
        if (embeddings.size(0) != Identities)
            throw new ArgumentException($"embeddings must be [{Identities}, D], got {Guard.Shape(embeddings)}.", nameof(embeddings));
        Guard.Finite(embeddings);
        RequireStart();
        neighbors = Nearest((first, count) =>
        {
            var block = distance.Matrix(embeddings.narrow(0, first, count), embeddings);
            Guard.Finite(block, nameof(embeddings));
            return block;
        });
    }

    /// <summary>Finds the nearest identities of each identity from blocks of rows of the matrix of distances.</summary>
    private int[] Nearest(Func<int, int, Tensor> rowsOf)
    {
        var found = new int[Identities * (IdentitiesPerBatch - 1)];
        var block = Math.Max(1, BlockNumbers / Identities);
        using var noGradient = no_grad();
        for (var first = 0; first < Identities; first += block)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(block, Identities - first);
            NearestColumns.Find(rowsOf(first, count), first, found.AsMemory(first * (IdentitiesPerBatch - 1)),
                IdentitiesPerBatch - 1);
        }
        return found;
    }

    /// <inheritdoc/>
    public override long[] Draw(int epoch) => DrawWith(epoch, neighbors);

    internal override IReadOnlyList<int>? OwnNumbers => neighbors;

    internal override Action Restorer(IReadOnlyList<int>? numbers)
    {
        var given = Checked(numbers);
        return () => neighbors = given;
    }

    internal override long[] DrawWith(int epoch, IReadOnlyList<int>? numbers)
    {
        var random = RandomOf(epoch);
        int[] order = [.. rows];
        var taken = new int[Identities];
        var known = numbers as int[] ?? numbers?.ToArray();
        for (var i = 0; i < Identities; i++) random.Shuffle(order.AsSpan(starts[i]..starts[i + 1]));
        int[] centers = [.. Enumerable.Range(0, Identities)];
        random.Shuffle(centers.AsSpan());
        int[] others = [.. Enumerable.Range(0, Identities)];
        var drawn = new List<long>(Identities * WholeBatchSize);
        foreach (var center in centers)
        {
            foreach (var identity in Near(center, known, others, random)) Take(identity);
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
        return ShareOf(Identities * WholeBatchSize);
    }

    private int[]? Checked(IReadOnlyList<int>? numbers, string name = nameof(Neighbors))
    {
        int[]? given = numbers is null ? null : [.. numbers];
        if (given is not null && (given.Length != Identities * (IdentitiesPerBatch - 1) || given.Any(i => i < 0 || i >= Identities)))
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"Neighbors must be {IdentitiesPerBatch - 1} of {Identities} for each identity, got {given.Length}: are they of "
                    + $"another sampler?"), name);
        for (var i = 0; i < Identities && given is not null; i++)
        {
            var own = given.AsSpan(i * (IdentitiesPerBatch - 1), IdentitiesPerBatch - 1);
            var met = new HashSet<int> { i };
            foreach (var neighbor in own)
                if (!met.Add(neighbor))
                    throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                        $"Neighbors must be {own.Length} different others for each identity, got {neighbor} "
                            + $"{(neighbor == i ? "for itself" : $"twice for identity {i}")}."), name);
        }
        return given;
    }

    /// <summary>Requires the start of an epoch: the batches of one that has begun belong to the neighbors of its start.</summary>
    private void RequireStart()
    {
        if (State.Position > 0) throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
            $"Epoch {State.Epoch} has begun (position {State.Position}), and its batches belong to the neighbors of its start: update them "
                + $"where State.Position is 0."));
    }

    /// <summary>The nearest identities of a center, or random ones if the neighbors are not known.</summary>
    private int[] Near(int center, int[]? known, int[] others, SeededRandom random)
    {
        var count = IdentitiesPerBatch - 1;
        if (known is not null) return known[(center * count)..((center + 1) * count)];
        var place = Array.IndexOf(others, center);
        (others[place], others[^1]) = (others[^1], others[place]);
        return random.Choose(others.AsSpan(..^1), count).ToArray();
    }
}
