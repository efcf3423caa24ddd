using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Compares a gradient with central differences, in float64.</summary>
internal static class GradientCheck
{
    /// <param name="at">The point.</param>
    /// <param name="loss">The value at a point.</param>
    /// <param name="tolerance">The largest difference of an element, relative to the largest element if that is above 1.</param>
    /// <param name="gradient">Computes the gradient at the point; null to use the gradient of the point itself.</param>
    public static void Run(Tensor at, Func<Tensor, Tensor> loss, double tolerance = 1e-6, Func<Tensor>? gradient = null)
    {
        const double step = 1e-5;
        var start = at.detach().clone();
        var x = start.clone().requires_grad_();
        loss(x).backward();
        var found = (gradient?.Invoke() ?? x.grad!).data<double>().ToArray();
        using var noGradient = no_grad();
        for (var i = 0; i < found.Length; i++)
        {
            double At(double delta)
            {
                var moved = start.clone();
                moved.view(-1)[i] += delta;
                return loss(moved).item<double>();
            }
            Assert.Equal((At(step) - At(-step)) / (2 * step), found[i], tolerance * Math.Max(1, found.Max(Math.Abs)));
        }
        Assert.Contains(found, g => g != 0);
    }
}
