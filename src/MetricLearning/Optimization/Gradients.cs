using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Drops gradients: afterwards a parameter has none, and an optimizer leaves it as it is. Zeros would not do that: momentum and
/// weight decay still move a parameter whose gradient is zero.</summary>
internal static class Gradients
{
    public static void Drop(IEnumerable<Parameter> parameters)
    {
        foreach (var parameter in parameters)
        {
            using var gradient = parameter.grad;
            if (gradient is not null) parameter.grad = null;
        }
    }

    /// <summary>Drops also the gradients of classes that <see cref="SampledClasses"/> has drawn.</summary>
    public static void Drop(nn.Module module)
    {
        Drop(module.parameters());
        foreach (var sampled in module.modules().OfType<SampledClasses>()) sampled.DiscardGradients();
    }
}
