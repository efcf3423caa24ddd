using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Decides for each pair of rows of two views, by itself, whether they belong together: <c>−(1/N) Σ_ij log σ(z_ij·(t·cos(x_i, y_j) +
/// b))</c>, where z_ij is 1 if i = j, else −1. The scale t and the bias b are learned.
/// </summary>
/// <remarks>
/// The views may come from two networks, one for images and one for texts, or one for questions and one for answers. Row i of the one
/// belongs to row i of the other. All other rows are negatives, so two pairs that show one thing are pushed apart. The sum over N² pairs is
/// divided by N.
/// <para>Default: t = 10 and b = −10 at first, as in the paper, big_vision and open_clip. The logarithm of t is the parameter
/// <c>logit_scale</c> and b is the parameter <c>logit_bias</c>, both float32: give <c>loss.parameters()</c> to the optimizer, without
/// weight decay, and add the loss to the checkpoint. The scale has no maximum. The loss of no rows is 0.
/// A row of zeros has the cosine 0. Memory O(N²). Zhai et al., <i>Sigmoid Loss for Language Image Pre-Training</i>, ICCV 2023, algorithm
/// 1.</para>
/// </remarks>
public sealed class SigLipLoss : ViewLoss
{
    private const string BiasName = "logit_bias";

    /// <summary>Creates the loss.</summary>
    /// <param name="scale">The scale t at first, above 0. Default: 10.</param>
    /// <param name="bias">The bias b at first, finite. Default: −10.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public SigLipLoss(double scale = 10, double bias = -10) : base(nameof(SigLipLoss))
    {
        var (start, offset) = (Math.Log(Guard.Positive(scale)), Guard.Finite(bias));
        LearnedScale.Register(this, start);
        register_parameter(BiasName, LearnedScale.Number(offset));
    }

    /// <summary>[]: the logarithm of the scale t.</summary>
    /// <exception cref="ObjectDisposedException">The loss has been disposed.</exception>
    public Parameter LogitScale => LearnedScale.Of(this);

    /// <summary>[]: the bias b.</summary>
    /// <exception cref="ObjectDisposedException">The loss has been disposed.</exception>
    public Parameter LogitBias => LearnedScale.Of(this, BiasName);

    /// <summary>The scale t that the next call uses. The host waits for the device.</summary>
    /// <exception cref="ObjectDisposedException">The loss has been disposed.</exception>
    public double Scale => LearnedScale.Value(LogitScale);

    /// <inheritdoc/>
    protected override Tensor Compare(Tensor first, Tensor second)
    {
        var (count, type) = (first.size(0), first.dtype);
        var logits = (RowMath.Cosines(first, second) * LogitScale.to(type).exp()).Plus(LogitBias.to(type));
        var signs = S(2) * eye(count, dtype: type, device: first.device) - S(1);
        return -nn.functional.logsigmoid(logits * signs).sum() / S(Math.Max(1, count));
    }
}
