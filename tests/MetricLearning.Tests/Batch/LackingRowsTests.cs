using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Rows without positives and rows without negatives are counted from the labels. Tests that these counts equal those from the
/// masks.</summary>
[LeavesNoTensors]
public class LackingRowsTests
{
    [Fact]
    public void CountsAreThoseOfTheMasks()
    {
        var random = new Random(5);
        long[] Draw(int count, int classes) => [.. Enumerable.Range(0, count).Select(_ => random.Next(classes) * (long.MaxValue / 8))];
        for (var round = 0; round < 200; round++)
        {
            using var scope = NewDisposeScope();
            var (n, m, classes) = (random.Next(7), random.Next(7), 1 + random.Next(5));
            var (labels, references) = (tensor(Draw(n, classes)), tensor(Draw(m, classes)));
            Same(new LossBatch(rand(n, 2), labels));
            Same(new LossBatch(rand(n, 2), labels, rand(m, 2), references));
            if (m == 0) continue;
            var self = tensor(Enumerable.Range(0, n).Select(_ => (long)random.Next(m)).ToArray());
            Same(new LossBatch(rand(n, 2), labels, rand(m, 2), references, self));
        }
    }

    [Fact]
    public void GivenTuples_AreCountedByTheirPairs()
    {
        using var scope = NewDisposeScope();
        using var batch = new LossBatch(rand(4, 2), new Triplets(tensor([0L, 0, 2]), tensor([1L, 1, 3]), tensor([2L, 3, 0]), 4, 4));
        Assert.Equal(new LackingRows(2, 2), batch.Lacking);
    }

    private static void Same(LossBatch batch)
    {
        using (batch)
        {
            long Empty(Tensor mask) => mask.any(1).logical_not().sum().item<long>();
            Assert.Equal(new LackingRows(Empty(batch.Candidates.Positives), Empty(batch.Candidates.Negatives)), batch.Lacking);
        }
    }
}
