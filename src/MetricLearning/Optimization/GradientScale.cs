using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Scales gradients between the backward pass and the optimizer's step.</summary>
/// <remarks>
/// Bag of Tricks adds the center loss with the weight 0.0005, and moves the centers by an SGD of their own at the rate 0.5 as if the
/// weight were 1:
/// <code>
/// using var centerOptimizer = optim.SGD(centerLoss.parameters(), 0.5);
/// ...
/// losses.Compute(output, labels).Value.backward();      // a LossSum that holds the center loss with weight 0.0005
/// GradientScale.Divide(centerLoss.parameters(), 0.0005);
/// optimizer.SafeStep();
/// centerOptimizer.SafeStep();
/// </code>
/// <para>Thread safety: one thread at a time for the same parameters.</para>
/// </remarks>
public static class GradientScale
{
    /// <summary>Divides all gradients by a number. Parameters without a gradient are left out.</summary>
    /// <param name="parameters">The parameters. One that is given twice counts once.</param>
    /// <param name="divisor">The number, above 0.</param>
    /// <exception cref="ArgumentNullException">The parameters are null.</exception>
    /// <exception cref="ArgumentException">A parameter is null or has been disposed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The divisor is not a positive number.</exception>
    public static void Divide(IEnumerable<Parameter> parameters, double divisor)
    {
        var all = Gradients.Owners(parameters);
        Guard.Positive(divisor);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        foreach (var gradient in all.Select(parameter => parameter.grad).OfType<Tensor>()) gradient.div_(S(divisor));
    }
}
