using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Updates exponential moving averages that losses keep in buffers.</summary>
internal static class RunningMean
{
    /// <summary>
    /// Computes (1 − momentum)·buffer + momentum·value. It is written to the buffer while gradients are recorded. A value that is not
    /// finite changes nothing.
    /// </summary>
    /// <param name="buffer">A scalar without gradient.</param>
    /// <param name="value">A scalar without gradient.</param>
    /// <param name="momentum">The weight of the value.</param>
    /// <returns>The new mean, in the type of the value.</returns>
    public static Tensor Update(Tensor buffer, Tensor value, double momentum)
    {
        var old = buffer.to(value.dtype);
        var mean = where(value.isfinite(), (S(momentum) * value).Plus(S(1 - momentum) * old), old);
        if (is_grad_enabled())
        {
            StateChanges.Before(buffer);
            buffer.copy_(mean);
        }
        return mean;
    }
}
