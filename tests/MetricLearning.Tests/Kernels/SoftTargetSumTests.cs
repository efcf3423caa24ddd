using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class SoftTargetSumTests
{
    [Theory, InlineData(1, 1.0), InlineData(3, 1.0), InlineData(8, 1.0), InlineData(9, 50.0), InlineData(37, 300.0), InlineData(64, 3000.0)]
    public void Of_AgreesWithPlainTensors_AndTheirGradient(int width, double scale)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64 })
        {
            // All logits are far from 0, so that entries past the end of a row would show.
            var x = (randn([6, width], type) * scale - 4 * scale).requires_grad_();
            var targets = rand([6, width], type);
            targets[2] = zeros([width], type);
            var exact = x.detach().to(ScalarType.Float64).requires_grad_();
            var expected = (targets * nn.functional.log_softmax(exact, 1)).sum();
            expected.backward();
            var sum = SoftTargetSum.Of(x, targets);
            sum.backward();
            Gradient.Release();
            var tolerance = type == ScalarType.Float32 ? 2e-6 : 1e-14;
            Assert.Equal(expected.item<double>(), sum.to(ScalarType.Float64).item<double>(),
                tolerance * (1 + Math.Abs(expected.item<double>())));
            Assert.Equal(0, (exact.grad! - x.grad!).abs().max().item<double>(), tolerance * width * Math.Max(1, scale / 10));
        }
    }

    [Theory, InlineData(float.NaN, 0), InlineData(float.PositiveInfinity, 10), InlineData(float.NegativeInfinity, 10),
        InlineData(float.NegativeInfinity, 0)]
    public void Of_NotFinite_IsNaN(float entry, int column)
    {
        using var scope = NewDisposeScope();
        var x = randn(4, 11);
        x[2, column] = entry;
        Assert.Equal(float.NaN, SoftTargetSum.Of(x, rand(4, 11)).item<float>());
    }

    [Fact]
    public void EveryNumberOfThreads_GivesTheSameBits()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var (x, targets) = (randn(500, 501), rand(500, 501));
        Assert.Equal(Run(1), Run(2));

        float[] Run(int count)
        {
            using var threads = new TorchThreads(count);
            var leaf = x.clone().requires_grad_();
            var sum = SoftTargetSum.Of(leaf, targets);
            sum.backward();
            Gradient.Release();
            return [sum.item<float>(), .. leaf.grad!.data<float>()];
        }
    }
}
