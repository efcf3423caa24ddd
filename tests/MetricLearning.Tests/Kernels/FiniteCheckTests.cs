using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class FiniteCheckTests
{
    [Theory, InlineData(float.NaN), InlineData(float.PositiveInfinity), InlineData(float.NegativeInfinity)]
    public void IsKnown_SeesEveryPlace(float value)
    {
        foreach (var (rows, width) in new[] { (1, 1), (3, 7), (5, 8), (9, 33), (700, 500) })
            foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64 })
                foreach (var place in new[] { 0, 1, 7, 16, 17, 64, 65_535, 65_536, (rows * width) - 1 })
                {
                    if (place >= rows * width) continue;
                    using var scope = NewDisposeScope();
                    var x = full(rows, width, 3e38, dtype: type);
                    Assert.True(FiniteCheck.IsKnown(x) && FiniteCheck.IsKnown(x.t()));
                    x.view(-1)[place] = value;
                    Assert.False(FiniteCheck.IsKnown(x));
                    Assert.False(FiniteCheck.IsKnown(x.t()));
                }
    }

    [Fact]
    public void Loss_OfABrokenRowThatNoTripletMeets_IsNaN()
    {
        using var scope = NewDisposeScope();
        var x = ones(4, 3);
        x[3, 1] = float.NaN;
        x.requires_grad = true;
        using var loss = new TripletLoss();
        Assert.True(loss.forward(x, new Triplets(tensor([0L]), tensor([1L]), tensor([2L]), 4, 4)).isnan().item<bool>());
    }
}
