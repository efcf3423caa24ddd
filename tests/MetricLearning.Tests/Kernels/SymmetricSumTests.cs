using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class SymmetricSumTests
{
    [Theory, InlineData(0), InlineData(1), InlineData(7), InlineData(64), InlineData(150)]
    public void Of_IsThatOfPlainTensors_BitForBit(int count)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64 })
            foreach (var x in new[] { randn(count, count, type), randn(count, count, type).t() })
                Assert.True(((x + x.t()) == SymmetricSum.Of(x)).all().item<bool>());
    }
}
