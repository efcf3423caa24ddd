namespace MetricLearning.Tests;

public class GroupByLabelSamplerTests
{
    public static MatrixTheoryData<int, int> Batches => new([0, 1, 2, 3, 4, 5], [4, 6, 8, 14]);

    [Theory, MemberData(nameof(Batches))]
    public void InTurn_EveryBatchHasTwoLabels_AndPairsOfEach(int shape, int batchSize)
    {
        // The sizes of the labels. The large ones end up alone in sentence-transformers before 5.3.
        int[] sizes = new int[][] { [4, 4, 4], [40, 6], [9, 9, 9, 9], [2, 2, 30, 1, 1], [7, 7, 20, 20], [3, 5, 4, 8, 2, 2] }[shape];
        long[] labels = [.. sizes.SelectMany((size, label) => Enumerable.Repeat((long)label * 1000, size))];
        new SeededRandom((ulong)shape).Shuffle(labels.AsSpan());
        int[] even = [.. sizes.Select(size => size / 2 * 2).OrderDescending()];
        var length = even.Sum(size => Math.Min(size, even[1]));
        foreach (var lastBatch in new[] { LastBatch.Short, LastBatch.Drop })
        {
            var rest = length % batchSize;
            var expected = lastBatch == LastBatch.Drop || rest < 4 ? length - rest : length;
            if (expected == 0) continue;
            var sampler = new GroupByLabelSampler(labels, batchSize, lastBatch, seed: 5);
            var seen = new HashSet<long>();
            for (var epoch = 0; epoch < 30; epoch++)
            {
                var drawn = sampler.Draw(epoch);
                Assert.Equal((expected, expected), (drawn.Length, sampler.CountIn(epoch)));
                Assert.Equal(drawn.Length, drawn.Distinct().Count());
                foreach (var batch in drawn.Chunk(batchSize))
                {
                    var groups = batch.GroupBy(row => labels[row]).ToArray();
                    Assert.True(groups.Length >= 2);
                    Assert.All(groups, group => Assert.True(group.Count() % 2 == 0));
                }
                Assert.All(drawn.Chunk(2), pair => Assert.Equal(labels[pair[0]], labels[pair[1]]));
                Assert.All(drawn.Chunk(2).Zip(drawn.Chunk(2).Skip(1)),
                    pairs => Assert.NotEqual(labels[pairs.First[0]], labels[pairs.Second[0]]));
                seen.UnionWith(drawn);
            }
            // No row of a label with two rows is left out forever.
            var many = sizes.Where(size => size >= 2).Sum();
            if (lastBatch == LastBatch.Short && even[0] == even[1]) Assert.Equal(many, seen.Count);
        }
    }

    [Theory, InlineData(2), InlineData(3)]
    public void InTurn_EachProcessHasTwoLabels(int processes)
    {
        long[] labels = [.. Enumerable.Range(0, 90).Select(row => row % 7L)];
        for (var rank = 0; rank < processes; rank++)
        {
            var sampler = new GroupByLabelSampler(labels, 4 * processes, shard: new SamplerShard(rank, processes), seed: 1);
            for (var epoch = 0; epoch < 20; epoch++)
                Assert.All(sampler.Draw(epoch).Chunk(4), batch => Assert.Equal(2, batch.Select(row => labels[row]).Distinct().Count()));
        }
    }

    [Fact]
    public void OneByOne_LabelsFollowEachOther_EachWithItsEvenPart_InTheOrderOfTheData()
    {
        long[] labels = [4, 9, 4, 9, 9, 1, 4, 9, 2, 2, 4];
        var sampler = new GroupByLabelSampler(labels, 4, order: LabelOrder.OneByOne, seed: 2);
        long[][] parts = [[0, 2, 6, 10], [1, 3, 4, 7], [8, 9]]; // the single row of label 1 never comes
        var orders = new HashSet<string>();
        for (var epoch = 0; epoch < 40; epoch++)
        {
            var drawn = sampler.Draw(epoch);
            Assert.Equal([0L, 1, 2, 3, 4, 6, 7, 8, 9, 10], drawn.Order());
            foreach (var part in parts)
            {
                var from = Array.IndexOf(drawn, part[0]);
                Assert.Equal(part, drawn[from..(from + part.Length)]);
            }
            orders.Add(string.Join(' ', drawn));
        }
        Assert.Equal(6, orders.Count);
        Assert.Equal(10, sampler.Count);
        Assert.Equal(8, new GroupByLabelSampler(labels, 4, LastBatch.Drop, LabelOrder.OneByOne).Count);
    }

    [Fact]
    public void OneByOne_OfAnOddNumberOfRows_TheLastIsNeverDrawn() =>
        Assert.Equal([0L, 1], new GroupByLabelSampler([7, 7, 7], 2, order: LabelOrder.OneByOne).Draw(0));

    [Fact]
    public void Errors_NameTheArgument()
    {
        static string Refused(string name, Func<GroupByLabelSampler> make)
        {
            var error = Assert.Throws<ArgumentException>(make);
            Assert.Equal(name, error.ParamName);
            return error.Message;
        }
        Assert.StartsWith("batchSize must be even, got 3.", Refused("batchSize", () => new([1, 1], 3)));
        Assert.StartsWith("batchSize must be at least 4 in turn, two pairs for each process, got 2.",
            Refused("batchSize", () => new([1, 1, 2, 2], 2)));
        Assert.StartsWith("batchSize must be at least 8 in turn, two pairs for each process, got 4.",
            Refused("batchSize", () => new([1, 1, 2, 2], 4, shard: new SamplerShard(0, 2))));
        Assert.StartsWith("lastBatch must be Drop or Short, got Fill.", Refused("lastBatch", () => new([1, 1], 2, LastBatch.Fill)));
        Assert.StartsWith("labels must hold at least 2 labels with 2 rows, got 1.", Refused("labels", () => new([1, 1, 2], 4)));
        Assert.StartsWith("labels must hold at least 1 label with 2 rows, got 0.",
            Refused("labels", () => new([1, 2], 2, order: LabelOrder.OneByOne)));
        Assert.StartsWith("labels must give a batch of 8 rows, got 4 rows that can be drawn.",
            Refused("labels", () => new([1, 1, 2, 2], 8, LastBatch.Drop)));
    }
}
