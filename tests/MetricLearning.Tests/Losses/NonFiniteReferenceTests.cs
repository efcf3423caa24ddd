using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that a NaN or an infinity in references makes the loss NaN, also if the miner or the formula does not choose the row:
/// otherwise a plausible number would hide it.</summary>
[LeavesNoTensors]
public class NonFiniteReferenceTests
{
    private static readonly double[] notFinite = [double.NaN, double.PositiveInfinity, double.NegativeInfinity];

    public static TheoryData<string> TupleLosses => LossTable.Where(loss => loss is TupleLoss);

    public static TheoryData<string> Miners => [.. MinerTable.Names];

    [Theory, MemberData(nameof(TupleLosses))]
    public void TheLossIsNaN(string name) => EachRowCounts(() => (TupleLoss)LossTable.Create(name));

    [Theory, MemberData(nameof(Miners))]
    public void TheLossIsNaN_WithEveryMiner(string name) => EachRowCounts(() =>
    {
        var miner = MinerTable.Create(name);
        return new TripletLoss { Miner = miner, Distance = miner.Distance ?? Distance.Euclidean };
    });

    [Theory, MemberData(nameof(Miners))]
    public void AMemoryWithSuchARow_MakesEveryLossNaN_UntilItIsCleared(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        foreach (var what in notFinite)
        {
            var miner = MinerTable.Create(name);
            using var memory = new CrossBatchMemory(
                new TripletLoss { Miner = miner, Distance = miner.Distance ?? Distance.Euclidean }, LossTable.Dimension, capacity: 40);
            var broken = LossTable.Random(5, 12, LossTable.Dimension);
            broken[7, 2] = what;
            memory.Add(broken, y);
            for (var step = 0; step < 2; step++) Assert.True(double.IsNaN(memory.call(x, y).item<double>()), $"{what}, step {step}");
            memory.Clear();
            Assert.True(double.IsFinite(memory.call(x, y).item<double>()), $"{what}, cleared");
        }
    }

    [Fact]
    public void AGuideIsNoException()
    {
        using var scope = NewDisposeScope();
        using var loss = new GistEmbedLoss(temperature: 0.3);
        foreach (var what in notFinite)
            for (var place = 0; place < 6; place++)
            {
                var views = Enumerable.Range(0, 6).Select(i => LossTable.Random(i, 5, LossTable.Dimension)).ToArray();
                views[place][3, 1] = what;
                Assert.True(double.IsNaN(loss.call(views[0], views[1], views[2], views[3], views[4], views[5]).item<double>()),
                    $"{what}, argument {place}");
                if (place >= 4) continue;
                Assert.True(double.IsNaN(loss.call(views[0], views[1], views[2], views[3]).item<double>()), $"{what}, argument {place}");
            }
    }

    private static void EachRowCounts(Func<TupleLoss> create)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var labels = tensor([0L, 3, 1, 0, 2, 2, 7]);
        foreach (var what in notFinite)
            for (var row = 0; row < 7; row++)
            {
                using var loss = create();
                var references = LossTable.Random(5, 7, LossTable.Dimension);
                references[row, 2] = what;
                Assert.True(double.IsNaN(loss.call(x, y, references, labels).item<double>()), $"{what} in row {row}");
                using var single = create();
                Assert.True(float.IsNaN(single.call(x.to(ScalarType.Float32), y, references.to(ScalarType.Float32), labels).item<float>()),
                    $"{what} in row {row}, float32");
            }
    }
}
