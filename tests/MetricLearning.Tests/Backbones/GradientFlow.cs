using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Checks that a gradient reaches every parameter. Training does not change a parameter without a gradient.</summary>
internal static class GradientFlow
{
    /// <summary>Runs the backward pass from a randomly weighted sum of the outputs. Each trainable parameter must get a finite gradient,
    /// and each weight a gradient that is not zero.</summary>
    public static void ReachesEveryParameter(nn.Module model, Func<Tensor> run, Func<string, bool>? unused = null)
    {
        // The batch norm of a non-local block starts from zero, so at first no gradient passes through it.
        using (no_grad())
            foreach (var (name, parameter) in model.named_parameters())
                if (name.EndsWith("W.1.weight", StringComparison.Ordinal)) parameter.fill_(1);
        var output = run();
        (output * randn_like(output)).sum().backward();
        foreach (var (name, parameter) in model.named_parameters())
        {
            if (!parameter.requires_grad || (unused?.Invoke(name) ?? false)) continue;
            using var gradient = parameter.grad;
            Assert.True(gradient is not null, $"{name} has no gradient");
            Assert.True(gradient.isfinite().all().item<bool>(), $"{name}'s gradient is not finite");
            if (name.EndsWith("weight", StringComparison.Ordinal)) Assert.True(gradient.abs().max().ToDouble() > 0,
                $"{name}'s gradient is zero");
        }
    }
}
