using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Compares a gradient with central differences, in float64.</summary>
internal static class GradientCheck
{
    public static void Run(Tensor at, Func<Tensor, Tensor> loss, double tolerance = 1e-6)
    {
        const double step = 1e-5;
        var x = at.detach().clone().requires_grad_();
        loss(x).backward();
        var gradient = x.grad!.data<double>().ToArray();
        using var noGradient = no_grad();
        for (var i = 0; i < gradient.Length; i++)
        {
            double At(double delta)
            {
                var moved = at.detach().clone();
                moved.view(-1)[i] += delta;
                return loss(moved).item<double>();
            }
            Assert.Equal((At(step) - At(-step)) / (2 * step), gradient[i], tolerance);
        }
        Assert.Contains(gradient, g => g != 0);
    }
}
