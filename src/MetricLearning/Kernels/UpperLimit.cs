using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The smaller of a learned number and a limit. Beyond the limit, a gradient passes only if descent along it lowers the
/// number.</summary>
/// <remarks>The ordinary gradient of a minimum is 0 beyond the limit, so a number that a step has put there would never return. If every
/// gradient passed, the number could leave its limit far behind.</remarks>
internal sealed class UpperLimit : autograd.SingleTensorFunction<UpperLimit>
{
    private const string LimitKey = "limit";

    /// <inheritdoc/>
    public override string Name => nameof(UpperLimit);

    /// <summary>min(x, limit) with gradient. The caller disposes it.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="limit">The limit.</param>
    public static Tensor Of(Tensor x, double limit) => apply(x, limit);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, limit) = ((Tensor)vars[0], (double)vars[1]);
        ctx.save_for_backward([x]);
        ctx.save_data(LimitKey, limit);
        return x.clamp_max(S(limit));
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (x, limit) = (ctx.get_saved_variables()[0], (double)ctx.get_data(LimitKey));
        var gradient = grad_output.masked_fill((x > S(limit)) & (grad_output < S(0)), S(0));
        grad_output.Dispose();
        return Gradient.Return(gradient, null);
    }
}
