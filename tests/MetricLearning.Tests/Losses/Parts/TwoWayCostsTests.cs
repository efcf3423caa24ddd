using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class TwoWayCostsTests
{
    [Theory, InlineData(1), InlineData(7), InlineData(8), InlineData(16), InlineData(61), InlineData(640)]
    public void Of_AgreesWithTwoCrossEntropies_ToTheGradients(int count)
    {
        foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64 })
        {
            using var scope = NewDisposeScope();
            manual_seed(count);
            var cosines = (rand(count, count, ScalarType.Float64) * 2 - 1).to(type);
            var weights = randn(count, type).abs();
            var (given, exact) = (Inputs(cosines, type), Inputs(cosines, ScalarType.Float64));
            var (value, expected) = (TwoWayCosts.Of(given[0], given[1]), Plain(exact[0], exact[1]));
            var tolerance = type == ScalarType.Float32 ? 4e-6 : 1e-13;
            Assert.Equal(0, (value.to(ScalarType.Float64) - expected).abs().max().item<double>(), 10 * tolerance);
            var actual = autograd.grad([(value * weights).sum()], given);
            var wanted = autograd.grad([(expected * weights).sum()], exact);
            foreach (var (a, w) in actual.Zip(wanted))
                Assert.Equal(0, (a.to(ScalarType.Float64) - w).abs().max().item<double>(),
                    10 * tolerance * Math.Max(1, w.abs().max().item<double>()));
        }
        Gradient.Release();

        static Tensor[] Inputs(Tensor cosines, ScalarType type) =>
            [cosines.to(type).detach().clone().requires_grad_(), tensor(2.3, type).requires_grad_()];

        static Tensor Plain(Tensor cosines, Tensor logScale)
        {
            var (logits, rows) = (cosines * logScale.exp(), arange(cosines.size(0)));
            return (nn.functional.cross_entropy(logits, rows, reduction: nn.Reduction.None)
                + nn.functional.cross_entropy(logits.t(), rows, reduction: nn.Reduction.None)) / 2;
        }
    }

    [Fact]
    public void Of_AScaleWithoutAGradient_LeavesTheOtherGradientAsItIs()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var cosines = rand(11, 11);
        var (learned, given) = (Gradients(cosines, learns: true), Gradients(cosines, learns: false));
        Assert.True((learned.OfCosines == given.OfCosines).all().item<bool>());
        Assert.NotNull(learned.OfScale);
        Assert.Null(given.OfScale);
        Gradient.Release();

        static (Tensor OfCosines, Tensor? OfScale) Gradients(Tensor cosines, bool learns)
        {
            var (leaf, scale) = (cosines.clone().requires_grad_(), tensor(1f).requires_grad_(learns));
            TwoWayCosts.Of(leaf, scale).sum().backward();
            return (leaf.grad!, scale.grad);
        }
    }

    [Fact]
    public void Of_NaN_SpoilsItsRowAndItsColumn()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var cosines = rand(9, 9);
        cosines[2, 5] = float.NaN;
        var leaf = cosines.requires_grad_();
        var costs = TwoWayCosts.Of(leaf, tensor(1f));
        Assert.Equal([2, 5], costs.isnan().nonzero().view(-1).data<long>().ToArray());
        costs.sum().backward();
        var spoiled = leaf.grad!.isnan();
        Assert.True(spoiled[2].all().item<bool>() && spoiled[.., 5].all().item<bool>());
        Assert.Equal(17, spoiled.sum().item<long>());
        Gradient.Release();
    }
}
