using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class ProductTests
{
    [Fact]
    public void Of_ALargeBatchWithItself_HasTheProductAndGradientOfMatmul()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var x = randn(1100, 450, requires_grad: true);
        using var plain = x.detach().to(ScalarType.Float64).requires_grad_();
        using var product = Product.Of(x, x);
        (product * Weights(product)).sum().backward();
        var expected = plain.matmul(plain.t());
        (expected * Weights(expected)).sum().backward();
        AssertNear(expected, product);
        AssertNear(plain.grad!, x.grad!);
        Gradient.Release();
    }

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

    private static void AssertNear(Tensor expected, Tensor actual) =>
        Assert.True((actual - expected).abs().max().item<double>() < 1e-6 * expected.abs().max().item<double>());

    private static Tensor Weights(Tensor product) => arange(product.numel(), ScalarType.Float64).view_as(product).sin();
}
