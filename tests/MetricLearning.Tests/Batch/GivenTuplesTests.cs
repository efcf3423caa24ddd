using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class GivenTuplesTests
{
    public static TheoryData<string> Losses => LossTable.Where(loss => loss is TupleLoss);

    /// <summary>Tests that a dispose scope frees the tuples that were created in it, whatever used them.</summary>
    [Theory, MemberData(nameof(Losses))]
    public void GivenTuples_StayInTheScopeOfTheCaller(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = (TupleLoss)LossTable.Create(name);
        foreach (var make in new Func<Tuples>[] { () => Pairs.FromLabels(y), () => Pairs.FromLabels(y).AsTriplets() })
        {
            var before = Live;
            using (NewDisposeScope())
            {
                using var batch = new LossBatch(x, make());
                _ = batch.Candidates.Count;
                if (Record.Exception(() => loss.forward(batch)) is { } refused)
                    Assert.Contains("tuples were given", Assert.IsType<InvalidOperationException>(refused).Message,
                        StringComparison.Ordinal);
            }
            Assert.Equal(before, Live);
        }
    }

    private static long Live => TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
}
