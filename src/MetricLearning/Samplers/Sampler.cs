using System.Collections;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace MetricLearning;

/// <summary>
/// Chooses the rows of each batch. It is a sequence of indices whose consecutive runs of <see cref="BatchSize"/> are the batches.
/// TorchSharp's <c>DataLoader</c> takes it as its shuffler; <see cref="Batches"/> gives the batches themselves.
/// </summary>
/// <remarks>
/// <para>An epoch is a pure function of the seed and the epoch's number. So every machine gets the same batches, and a run resumes in the
/// middle of an epoch from its <see cref="State"/>. Each enumeration gives the rest of the current epoch and then moves to the
/// next.</para>
/// <para><c>DataLoader.Count</c> of TorchSharp ignores its shuffler: it is the size of the dataset divided by the batch size. The real
/// number of batches is <see cref="BatchesPerEpoch"/>.</para>
/// <para>To add a sampler, derive a class and implement <see cref="Draw"/>: take the random numbers from <see cref="RandomOf"/>, and return
/// <see cref="Share"/> of the whole epoch if it can be split among processes.</para>
/// <para>Thread safety: any number of threads may call <see cref="Draw"/>, <see cref="CountIn"/> and <see cref="BatchesIn"/> at once. The
/// state belongs to one thread at a time: enumerating, <see cref="Batches"/>, <see cref="State"/>, <see cref="Count"/> and
/// <see cref="BatchesPerEpoch"/>.</para>
/// </remarks>
public abstract class Sampler : IEnumerable<long>
{
    private readonly int groupSize;
    private SamplerState state;
    private volatile EpochCount? lastCount;
    private volatile EpochDigest? lastDigest;

    /// <summary>Creates a sampler of batches of this size.</summary>
    /// <param name="batchSize">The number of rows of a batch of all processes together, at least 1.</param>
    /// <param name="seed">The seed of all epochs.</param>
    /// <param name="shard">The share of one process; the default is the whole batch.</param>
    /// <param name="groupSize">The number of consecutive rows that stay together in one process (the K of P×K). Default: 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive.</exception>
    /// <exception cref="ArgumentException">The batch cannot be divided among the processes evenly.</exception>
    protected Sampler(int batchSize, ulong seed, SamplerShard shard = default, int groupSize = 1)
    {
        WholeBatchSize = Guard.AtLeast(batchSize, 1);
        this.groupSize = Guard.AtLeast(groupSize, 1);
        if (batchSize % groupSize != 0 || batchSize / groupSize % shard.Count != 0)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"a batch of {batchSize} rows in groups of {groupSize} cannot be divided among {shard.Count} processes evenly."),
                nameof(shard));
        Seed = seed;
        Shard = shard;
    }

    /// <summary>The number of rows of a batch of this process.</summary>
    public int BatchSize => WholeBatchSize / Shard.Count;

    /// <summary>The number of rows of a batch of all processes together; without a shard the same as <see cref="BatchSize"/>.</summary>
    public int WholeBatchSize { get; }

    /// <summary>The seed of all epochs.</summary>
    public ulong Seed { get; }

    /// <summary>The process whose share of each batch this sampler gives.</summary>
    public SamplerShard Shard { get; }

    /// <summary>The position of the next index. It advances as indices are given. Set it to resume. The end of an epoch is the start of the
    /// next.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The position is outside the epoch, for example because the state comes from another
    /// sampler or from other data.</exception>
    public SamplerState State
    {
        get => state;
        set => state = Checked(value, nameof(State));
    }

    /// <summary>Draws all indices of an epoch, batch after batch. This is a pure function of <see cref="Seed"/> and
    /// <paramref name="epoch"/>.</summary>
    /// <param name="epoch">The number of the epoch, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The epoch is negative.</exception>
    public abstract long[] Draw(int epoch);

    /// <summary>The exact number of indices of the current epoch.</summary>
    public int Count => CountIn(state.Epoch);

    /// <summary>The number of batches of the current epoch, including a smaller last batch.</summary>
    public int BatchesPerEpoch => BatchesIn(state.Epoch);

    /// <summary>The exact number of indices of an epoch. If it depends on the draw, the epoch is drawn once and the number is
    /// cached.</summary>
    /// <param name="epoch">The number of the epoch, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The epoch is negative.</exception>
    public virtual int CountIn(int epoch)
    {
        if (lastCount is not { } known || known.Epoch != epoch)
            lastCount = known = new EpochCount(epoch, Returned.Value(Draw(epoch), this).Length);
        return known.Count;
    }

    /// <summary>The number of batches of an epoch, including a smaller last batch.</summary>
    /// <param name="epoch">The number of the epoch, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The epoch is negative.</exception>
    public int BatchesIn(int epoch)
    {
        var count = CountIn(epoch);
        return count / BatchSize + (count % BatchSize > 0 ? 1 : 0);
    }

    /// <summary>Enumerates the rest of the current epoch, index by index.</summary>
    /// <exception cref="InvalidOperationException">While enumerating: <see cref="State"/> was changed from outside, as for
    /// <see cref="Batches"/>.</exception>
    public IEnumerator<long> GetEnumerator()
    {
        var start = state;
        var indices = Begin(start.Epoch);
        var left = state;
        for (var i = (int)start.Position; i < indices.Length; i++)
        {
            left = Advance(left, start.Epoch, i + 1, indices.Length);
            yield return indices[i];
        }
    }

    /// <summary>Enumerates the rest of the current epoch, batch by batch. If the state is in the middle of a batch, the first batch is the
    /// rest of it.</summary>
    /// <exception cref="InvalidOperationException">While enumerating: <see cref="State"/> was changed from outside, for example because a
    /// checkpoint was loaded, or because another enumeration moved it. The new state stays. End this enumeration and begin a new
    /// one.</exception>
    public IEnumerable<long[]> Batches()
    {
        var start = state;
        var indices = Begin(start.Epoch);
        var left = state;
        for (var i = (int)start.Position; i < indices.Length;)
        {
            var end = i + Math.Min(indices.Length - i, BatchSize - i % BatchSize);
            left = Advance(left, start.Epoch, end, indices.Length);
            yield return indices[i..end];
            i = end;
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The random numbers of an epoch, the same in all processes.</summary>
    /// <param name="epoch">The number of the epoch, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The epoch is negative.</exception>
    protected SeededRandom RandomOf(int epoch) => SeededRandom.ForStream(Seed, (ulong)Guard.AtLeast(epoch, 0));

    /// <summary>
    /// Takes this process's share of an epoch that was drawn for all processes: an equal run of whole groups from each batch. From a
    /// smaller last batch each process takes the same number of groups, and groups that cannot be divided are dropped. So all processes
    /// make the same number of steps.
    /// </summary>
    /// <param name="whole">All indices of the epoch, batch after batch.</param>
    /// <exception cref="ArgumentNullException"><paramref name="whole"/> is null.</exception>
    protected long[] Share(long[] whole)
    {
        ArgumentNullException.ThrowIfNull(whole);
        if (Shard.Count == 1) return whole;
        var share = new long[ShareOf(whole.Length)];
        for (int from = 0, to = 0; from < whole.Length;)
        {
            var all = Math.Min(WholeBatchSize, whole.Length - from);
            var length = ShareOfBatch(all);
            whole.AsSpan(from + Shard.Rank * length, length).CopyTo(share.AsSpan(to));
            from += all;
            to += length;
        }
        return share;
    }

    /// <summary>The number of <paramref name="whole"/> indices that <see cref="Share"/> keeps.</summary>
    protected int ShareOf(int whole) => whole / WholeBatchSize * BatchSize + ShareOfBatch(whole % WholeBatchSize);

    /// <summary>The numbers that a draw depends on besides the seed and the epoch, for checkpoints. Null: none.</summary>
    internal virtual IReadOnlyList<int>? OwnNumbers => null;

    /// <summary>Draws an epoch with these numbers in place of <see cref="OwnNumbers"/>.</summary>
    internal virtual long[] DrawWith(int epoch, IReadOnlyList<int>? numbers) => Draw(epoch);

    /// <summary>Refuses numbers that cannot be <see cref="OwnNumbers"/>. Returns an action that takes them over.</summary>
    /// <exception cref="ArgumentException">The numbers do not fit.</exception>
    internal virtual Action Restorer(IReadOnlyList<int>? numbers) => () => { };

    /// <summary>A digest of all indices of an epoch. Samplers with the same digest give the same batches. The newest one is
    /// cached.</summary>
    internal string DigestOf(int epoch, IReadOnlyList<int>? numbers)
    {
        if (lastDigest is not { } known || known.Epoch != epoch || !ReferenceEquals(known.Numbers, numbers))
        {
            var hash = SHA256.HashData(MemoryMarshal.AsBytes(DrawWith(epoch, numbers).AsSpan()));
            lastDigest = known = new EpochDigest(epoch, numbers, Convert.ToHexString(hash.AsSpan(0, 8)));
        }
        return known.Digest;
    }

    /// <summary>Normalizes a state: the end of an epoch becomes the start of the next.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The position lies outside the epoch.</exception>
    internal SamplerState Checked(SamplerState value, string name)
    {
        var count = value.Position == 0 ? 0 : CountIn(value.Epoch);
        if (value.Position > count)
            throw new ArgumentOutOfRangeException(name, value.Position, string.Create(CultureInfo.InvariantCulture,
                $"State.Position must be in [0, {count}], the indices of epoch {value.Epoch}: is the state of another sampler or of other "
                    + $"data?"));
        return value.Position > 0 && value.Position == count ? new SamplerState(value.Epoch + 1, 0) : value;
    }

    private int ShareOfBatch(int length) => length / groupSize / Shard.Count * groupSize;

    private long[] Begin(int epoch)
    {
        var indices = Returned.Value(Draw(epoch), this);
        lastCount = new EpochCount(epoch, indices.Length);
        if (indices.Length == 0) state = new SamplerState(epoch + 1, 0);
        return indices;
    }

    /// <summary>Requires that the state is where an enumeration left it. Otherwise its next batch would undo the change.</summary>
    /// <exception cref="InvalidOperationException">The state was changed.</exception>
    internal void RequireAt(SamplerState left)
    {
        if (state != left) throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
            $"State was changed from {left.Epoch}, {left.Position} (epoch, position) to {state.Epoch}, {state.Position} while batches were "
            + $"enumerated, by loading a checkpoint or by another enumeration: end this enumeration and begin a new one."));
    }

    private SamplerState Advance(SamplerState left, int epoch, int position, int count)
    {
        RequireAt(left);
        return state = position < count ? new SamplerState(epoch, position) : new SamplerState(epoch + 1, 0);
    }

    private sealed record EpochCount(int Epoch, int Count);

    private sealed record EpochDigest(int Epoch, IReadOnlyList<int>? Numbers, string Digest);
}
