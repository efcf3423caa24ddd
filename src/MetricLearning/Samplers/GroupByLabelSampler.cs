using System.Globalization;

namespace MetricLearning;

/// <summary>
/// Draws the rows of each label in pairs, and cuts the list of pairs into batches. Each row of a batch has a row of its own label there, as
/// losses on triplets need it.
/// </summary>
/// <remarks>
/// <para>This is the GroupByLabelBatchSampler of sentence-transformers; <see cref="LabelOrder"/> has its two forms. A label with one row is
/// never drawn, and neither is a row beyond an even number.</para>
/// <para>In turn, the rows of each label are shuffled, so another row is left over in another epoch, and two consecutive pairs never have
/// the same label. So each batch of each process has at least two labels. The rows that the largest label has beyond those of all others
/// wait for another epoch. <see cref="IdentitySampler"/> gives batches of equally many rows of each label.</para>
/// <para>One by one, the rows of a label keep the order of the data.</para>
/// </remarks>
public sealed class GroupByLabelSampler : Sampler
{
    private const int Pair = 2;

    private readonly int[] starts;
    private readonly int[] rows;
    private readonly int total;

    /// <summary>Creates a sampler over rows with these labels.</summary>
    /// <param name="labels">The label of each row, any numbers.</param>
    /// <param name="batchSize">The number of rows of a batch of all processes together, even and at least 2. In turn, it is at least 4 for
    /// each process.</param>
    /// <param name="lastBatch">What happens to rows that do not fill a batch: <see cref="LastBatch.Drop"/> or
    /// <see cref="LastBatch.Short"/>, the default. In turn, a last batch with a single pair for a process is dropped.</param>
    /// <param name="order">The order of the labels. Default: in turn.</param>
    /// <param name="shard">The share of one process among several: whole pairs of a label. Default: one process that takes the whole
    /// batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException"><paramref name="labels"/> is null.</exception>
    /// <exception cref="ArgumentException">No label has two rows, or in turn fewer than two labels have; the rows do not make a batch; the
    /// batch size is odd or too small; <paramref name="lastBatch"/> is <see cref="LastBatch.Fill"/>; or the batch cannot be divided among
    /// the processes evenly.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The batch size is below 2, or an enum has no such value.</exception>
    public GroupByLabelSampler(IReadOnlyList<long> labels, int batchSize, LastBatch lastBatch = LastBatch.Short,
        LabelOrder order = LabelOrder.InTurn, SamplerShard shard = default, ulong seed = 0)
        : base(batchSize, seed, shard, groupSize: Even(batchSize))
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (Guard.Defined(lastBatch) == LastBatch.Fill)
            throw new ArgumentException("lastBatch must be Drop or Short, got Fill.", nameof(lastBatch));
        (LastBatch, LabelOrder) = (lastBatch, Guard.Defined(order));
        if (InTurn && BatchSize < 2 * Pair)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"batchSize must be at least {2 * Pair * shard.Count} in turn, two pairs for each process, got {batchSize}."),
                nameof(batchSize));
        (starts, rows, _) = Groups.Of(labels, minimum: Pair);
        var fewest = InTurn ? 2 : 1;
        if (starts.Length - 1 < fewest)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"labels must hold at least {MessageText.Counted(fewest, "label")} with 2 rows, got {starts.Length - 1}."), nameof(labels));
        var sizes = Enumerable.Range(0, starts.Length - 1).Select(EvenPart).OrderDescending().ToArray();
        total = sizes.Sum(size => InTurn ? Math.Min(size, sizes[1]) : size);
        if (ShareOf(Length) == 0)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"labels must give a batch of {batchSize} rows, got {total} rows that can be drawn."), nameof(labels));
    }

    /// <summary>What happens to rows that do not fill a batch.</summary>
    public LastBatch LastBatch { get; }

    /// <summary>The order of the labels.</summary>
    public LabelOrder LabelOrder { get; }

    /// <inheritdoc/>
    public override long[] Draw(int epoch)
    {
        var drawn = new List<long>(total);
        if (InTurn) DrawInTurn(RandomOf(epoch), drawn);
        else DrawOneByOne(RandomOf(epoch), drawn);
        return Share([.. drawn[..Length]]);
    }

    /// <inheritdoc/>
    public override int CountIn(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        return ShareOf(Length);
    }

    private bool InTurn => LabelOrder == LabelOrder.InTurn;

    /// <summary>The number of rows of an epoch of all processes together.</summary>
    private int Length
    {
        get
        {
            var whole = LastBatch.LengthOf(total, WholeBatchSize);
            var rest = whole % WholeBatchSize;
            return InTurn && rest < 2 * Pair * Shard.Count ? whole - rest : whole;
        }
    }

    private void DrawOneByOne(SeededRandom random, List<long> drawn)
    {
        var order = AllLabels();
        random.Shuffle(order.AsSpan());
        foreach (var label in order)
            foreach (var row in rows.AsSpan(starts[label], EvenPart(label))) drawn.Add(row);
    }

    private void DrawInTurn(SeededRandom random, List<long> drawn)
    {
        int[] shuffled = [.. rows];
        var open = AllLabels();
        foreach (var label in open) random.Shuffle(shuffled.AsSpan(starts[label]..starts[label + 1]));
        var last = -1;
        for (var (count, given) = (open.Length, 0); count >= 2; given += Pair)
        {
            random.Shuffle(open.AsSpan(0, count));
            if (open[0] == last) (open[0], open[1]) = (open[1], open[0]);
            last = open[count - 1];
            var left = 0;
            for (var i = 0; i < count; i++)
            {
                var label = open[i];
                var place = starts[label] + given;
                drawn.Add(shuffled[place]);
                drawn.Add(shuffled[place + 1]);
                if (given + Pair < EvenPart(label)) open[left++] = label;
            }
            count = left;
        }
    }

    private int[] AllLabels() => [.. Enumerable.Range(0, starts.Length - 1)];

    private int EvenPart(int label) => (starts[label + 1] - starts[label]) / Pair * Pair;

    private static int Even(int batchSize) => Guard.AtLeast(batchSize, Pair) % Pair == 0 ? Pair
        : throw new ArgumentException($"batchSize must be even, got {batchSize}.", nameof(batchSize));
}
