using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class ProductTests
{
    [Theory, InlineData(false), InlineData(true)]
    public void Of_AgreesWithMatmul_ToTheSecondGradient(bool itself)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var x = randn(7, 5, dtype: ScalarType.Float64, requires_grad: true);
        var y = itself ? x : randn(4, 5, dtype: ScalarType.Float64, requires_grad: true);
        foreach (var (expected, actual) in All(x.matmul(y.t())).Zip(All(Product.Of(x, y))))
            Assert.True((expected - actual).abs().max().item<double>() < 1e-12 * (1 + expected.abs().max().item<double>()));
        Gradient.Release();

        Tensor[] All(Tensor product)
        {
            var first = autograd.grad([(product * Weights(product)).pow(3).sum()], [x], retain_graph: true, create_graph: true)[0];
            return [product, first, autograd.grad([first.pow(2).sum()], [x])[0]];
        }
    }

    private static Tensor Weights(Tensor product) => arange(product.numel(), ScalarType.Float64).view_as(product).sin();
}
