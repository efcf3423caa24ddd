using System.Globalization;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Finds the partner of each row among the rows of the other view, in both directions: the mean of <c>−log softmax_j(s·cos(x_i, y_j))_i</c>
/// and <c>−log softmax_j(s·cos(y_i, x_j))_i</c> over the rows. The scale s is learned.
/// </summary>
/// <remarks>
/// The views may come from two networks, one for images and one for texts, or one for questions and one for answers. Row i of the one
/// belongs to row i of the other. All other rows are negatives, so two pairs that show one thing are pushed apart. If the pairs have
/// labels, use <see cref="NTXentLoss"/> or <see cref="SupConLoss"/> with references.
/// <para>Default: s = 1/0.07 at first and 100 at most, as in CLIP and open_clip. The logarithm of s is the parameter <c>logit_scale</c>,
/// float32: give <c>loss.parameters()</c> to the optimizer, without weight decay, and add the loss to the checkpoint. A logarithm above
/// that of the maximum counts as the maximum, and its gradient is kept only if it lowers s; open_clip sets it back after each
/// step of the optimizer. The loss of one row, or of none, is 0. A row of zeros has the cosine 0. Memory O(N²). Radford et al., <i>Learning
/// Transferable Visual Models From Natural Language Supervision</i>, ICML 2021, figure 3.</para>
/// </remarks>
public sealed class ClipLoss : ViewLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="temperature">The temperature 1/s at first, at least 1 / <paramref name="maximumScale"/>. Default: 0.07.</param>
    /// <param name="maximumScale">The maximum of the scale s, above 0. Default: 100.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public ClipLoss(double temperature = 0.07, double maximumScale = 100) : base(nameof(ClipLoss))
    {
        (Temperature, MaximumScale) = (Guard.Positive(temperature), Guard.Positive(maximumScale));
        if (temperature < 1 / maximumScale)
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature,
                string.Create(CultureInfo.InvariantCulture, $"temperature must be at least 1 / maximumScale = {1 / maximumScale}."));
        LearnedScale.Register(this, -Math.Log(temperature));
    }

    /// <summary>The temperature 1/s at first.</summary>
    public double Temperature { get; }

    /// <summary>The maximum of the scale s.</summary>
    public double MaximumScale { get; }

    /// <summary>Whether the scale is learned. If not, the parameter needs no gradient. It is saved and loaded in either case. Default:
    /// true.</summary>
    /// <exception cref="ObjectDisposedException">The loss has been disposed.</exception>
    public bool LearnsScale { get => LogitScale.requires_grad; init => LogitScale.requires_grad = value; }

    /// <summary>[]: the logarithm of the scale s.</summary>
    /// <exception cref="ObjectDisposedException">The loss has been disposed.</exception>
    public Parameter LogitScale => LearnedScale.Of(this);

    /// <summary>The scale s that the next call uses. The host waits for the device.</summary>
    /// <exception cref="ObjectDisposedException">The loss has been disposed.</exception>
    public double Scale => Math.Min(LearnedScale.Value(LogitScale), MaximumScale);

    /// <inheritdoc/>
    protected override Tensor Compare(Tensor first, Tensor second)
    {
        var (cosines, logScale) = (RowMath.Cosines(first, second), UpperLimit.Of(LogitScale.to(first.dtype), Math.Log(MaximumScale)));
        return first.size(0) == 0 ? (cosines * logScale).sum() : RowMath.Mean(TwoWayCosts.Of(cosines, logScale));
    }
}
