using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class SoftMaximaTests
{
    [Theory, InlineData(5, 1, 0.1), InlineData(3, 10, 0.1), InlineData(7, 3, 2), InlineData(400, 9, 0.01), InlineData(2, 3000, 0.5)]
    public void Of_AgreesWithASoftmax_ToTheGradient(int groups, int size, double temperature)
    {
        foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64 })
        {
            using var scope = NewDisposeScope();
            manual_seed(groups);
            var scores = (rand(groups * size, 6, type).t() * 2 - 1).requires_grad_();
            var weights = randn(6, groups, type);
            var exact = scores.detach().to(ScalarType.Float64).requires_grad_();
            var (value, expected) = (SoftMaxima.Of(scores, size, temperature), Plain(exact));
            Assert.Equal([6, groups], value.shape);
            var tolerance = type == ScalarType.Float32 ? 3e-7 : 1e-14;
            Assert.Equal(0, (value.to(ScalarType.Float64) - expected).abs().max().item<double>(), tolerance / temperature);
            var actual = autograd.grad([(value * weights).sum()], [scores])[0].to(ScalarType.Float64);
            var wanted = autograd.grad([(expected * weights).sum()], [exact])[0];
            Assert.Equal(0, (actual - wanted).abs().max().item<double>(), 10 * tolerance / temperature);
        }
        Gradient.Release();

        Tensor Plain(Tensor x)
        {
            var s = x.view(6, groups, size);
            return (nn.functional.softmax(s / temperature, 2) * s).sum(2);
        }
    }

    /// <summary>Only the maxima count, although 1/γ is infinite in float32.</summary>
    [Fact]
    public void Of_AVeryLowTemperature_IsTheMaximum()
    {
        using var scope = NewDisposeScope();
        var scores = tensor([0.25f, 0.5f, -0.5f, -0.5f]).view(1, 4);
        var maxima = SoftMaxima.Of(scores, 2, 1e-42);
        Assert.Equal([0.5f, -0.5f], maxima.data<float>().ToArray());
        Gradient.Release();
    }

    [Fact]
    public void Of_NaN_SpoilsItsOwnGroup()
    {
        foreach (var place in new[] { 3, 4, 5 })
        {
            using var scope = NewDisposeScope();
            var scores = linspace(-1, 1, 18).view(2, 9);
            scores[1, place] = float.NaN;
            Assert.Equal([false, false, false, false, true, false], SoftMaxima.Of(scores, 3, 0.1).isnan().data<bool>().ToArray());
        }
    }
}
