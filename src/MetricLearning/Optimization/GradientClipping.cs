using System.Globalization;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Limits gradients after the backward pass and before the optimizer's step.</summary>
/// <remarks>
/// <code>
/// loss.backward();
/// var norm = GradientClipping.ByNorm(model.parameters(), 5);
/// optimizer.SafeStep();
/// </code>
/// Parameters without a gradient (frozen, or not part of this loss) are left out. With gradient accumulation clip once, before the step.
/// Class vectors that <see cref="SampledClasses"/> trains have no gradient of their own and are not clipped.
/// <para>Thread safety: one thread at a time for the same parameters.</para>
/// </remarks>
public static class GradientClipping
{
    // This is PyTorch's constant: it keeps the factor finite, and moves a norm above the limit to just below it.
    private const double Epsilon = 1e-6;

    /// <summary>Scales all gradients by one factor, so that their common 2-norm is at most <paramref name="maximum"/>:
    /// <c>g · min(1, max / (‖g‖ + 10⁻⁶))</c>, as in PyTorch's <c>clip_grad_norm_</c>.</summary>
    /// <param name="parameters">The parameters. One that is given twice counts once.</param>
    /// <param name="maximum">The greatest norm, above 0.</param>
    /// <param name="allowNonFinite">Whether gradients whose norm is not finite are left as they are, instead of throwing an exception.
    /// Default: false.</param>
    /// <returns>The norm before, summed in float64.</returns>
    /// <exception cref="ArgumentNullException">The parameters are null.</exception>
    /// <exception cref="ArgumentException">A parameter is null or has been disposed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The maximum is not a positive number.</exception>
    /// <exception cref="InvalidOperationException">The norm is NaN or infinite; the message names the first parameter whose gradient is.
    /// No gradient has changed.</exception>
    public static double ByNorm(IEnumerable<Parameter> parameters, double maximum, bool allowNonFinite = false)
    {
        var all = Gradients.Owners(parameters);
        Guard.Positive(maximum);
        return Limit(all, allowNonFinite, (gradient, norm) =>
        {
            if (double.IsFinite(norm) && norm + Epsilon > maximum) gradient.mul_(S(maximum / (norm + Epsilon)));
        });
    }

    /// <summary>Moves every entry of every gradient into [−maximum, maximum], as in PyTorch's <c>clip_grad_value_</c>.</summary>
    /// <param name="parameters">The parameters. One that is given twice counts once.</param>
    /// <param name="maximum">The greatest absolute value, above 0.</param>
    /// <param name="allowNonFinite">Whether NaN entries stay as they are, instead of throwing an exception. Default: false.</param>
    /// <returns>The 2-norm of all gradients before, summed in float64.</returns>
    /// <exception cref="ArgumentNullException">The parameters are null.</exception>
    /// <exception cref="ArgumentException">A parameter is null or has been disposed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The maximum is not a positive number.</exception>
    /// <exception cref="NotSupportedException">A gradient is sparse; the message names its parameter. No gradient has changed.</exception>
    /// <exception cref="InvalidOperationException">The norm is NaN or infinite; the message names the first parameter whose gradient is.
    /// No gradient has changed.</exception>
    public static double ByValue(IEnumerable<Parameter> parameters, double maximum, bool allowNonFinite = false)
    {
        var all = Gradients.Owners(parameters);
        Guard.Positive(maximum);
        Gradients.RequireDense(all, $"{nameof(GradientClipping)}.{nameof(ByValue)}");
        return Limit(all, allowNonFinite, (gradient, _) => gradient.clamp_(S(-maximum), S(maximum)));
    }

    /// <summary>Changes each gradient, given the norm of all of them.</summary>
    /// <returns>That norm.</returns>
    private static double Limit(Parameter[] parameters, bool allowNonFinite, Action<Tensor, double> change)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor?[] gradients = [.. parameters.Select(parameter => parameter.grad)];
        var norm = Norm(parameters, gradients, allowNonFinite);
        foreach (var gradient in gradients.OfType<Tensor>()) change(gradient, norm);
        return norm;
    }

    private static double Norm(Parameter[] parameters, Tensor?[] gradients, bool allowNonFinite)
    {
        // One number of each gradient, all in one tensor: the host waits for the device once.
        int[] places = [.. Enumerable.Range(0, gradients.Length).Where(i => gradients[i] is not null)];
        if (places.Length == 0) return 0;
        var device = gradients[places[0]]!.device;
        var squares = stack(places.Select(i => gradients[i]!.to(ScalarType.Float64).pow(S(2)).sum().to(device)).ToArray())
            .cpu().data<double>().ToArray();
        var norm = Math.Sqrt(squares.Sum());
        if (double.IsFinite(norm) || allowNonFinite) return norm;
        var place = places[Math.Max(0, Array.FindIndex(squares, square => !double.IsFinite(square)))];
        throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
            $"The norm of the gradients is {norm}: the gradient of parameter {place}, {Guard.Shape(parameters[place])}, is not finite. ")
            + "Look for a NaN in the loss or the images, or take a smaller learning rate.");
    }
}
