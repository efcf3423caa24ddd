namespace MetricLearning.Tests;

public class GroupByLabelSamplerTests
{
    [Fact]
    public void LabelsFollowEachOther_EachWithItsEvenPart_InTheOrderOfTheData()
    {
        long[] labels = [4, 9, 4, 9, 9, 1, 4, 9, 2, 2, 4];
        var sampler = new GroupByLabelSampler(labels, 4, seed: 2);
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
        Assert.Equal(8, new GroupByLabelSampler(labels, 4, LastBatch.Drop).Count);
    }

    [Fact]
    public void OfAnOddNumberOfRows_TheLastIsNeverDrawn() => Assert.Equal([0L, 1], new GroupByLabelSampler([7, 7, 7], 2).Draw(0));

    [Fact]
    public void Errors_NameTheArgument()
    {
        Assert.StartsWith("batchSize must be even, got 3.", Assert.Throws<ArgumentException>(
            () => new GroupByLabelSampler([1, 1], 3)).Message);
        Assert.StartsWith("lastBatch must be Drop or Short, got Fill.",
            Assert.Throws<ArgumentException>(() => new GroupByLabelSampler([1, 1], 2, LastBatch.Fill)).Message);
        Assert.StartsWith("a label must have at least 2 rows, got 2 different labels.",
            Assert.Throws<ArgumentException>(() => new GroupByLabelSampler([1, 2], 2)).Message);
    }
}
