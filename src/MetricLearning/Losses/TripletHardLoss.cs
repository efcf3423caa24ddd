using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>Reproduces the <c>TripletHardLoss</c> of TensorFlow Addons d208d75 (2024-04-15) exactly: <c>[d(a,p) − d(a,n) + m]₊</c> of each
/// anchor's farthest positive and nearest negative.</summary>
/// <remarks>
/// Default: margin 1, Euclidean, mean over all anchors. It differs from <see cref="TripletLoss"/> in four points. An anchor without a
/// positive has d(a,p) = 0, or the least distance of its row if that is negative. In a batch of one class d(a,n) is the distance of the
/// farthest row, which is p, so the loss is m with a gradient of 0. Equally hard candidates share the gradient. The soft loss is log(1 +
/// exp(d(a,p) − d(a,n))), without the margin. Memory O(N²).
/// </remarks>
public sealed class TripletHardLoss : MetricLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="margin">The margin m, finite. Default: 1. Not used if the margin is soft.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public TripletHardLoss(double margin = 1) : base(nameof(TripletHardLoss)) => Margin = Guard.Finite(margin);

    /// <summary>The margin m.</summary>
    public double Margin { get; }

    /// <summary>Whether the loss is softplus of the difference, without the margin. Default: false.</summary>
    public bool Soft { get; init; }

    /// <summary>The distance that the loss compares. Default: Euclidean.</summary>
    /// <exception cref="ArgumentNullException">The distance is null.</exception>
    public Distance Distance { get; init => field = Guard.NotNull(value); } = Distance.Euclidean;

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Rows == 0 || batch.Columns == 0) yield break;
        var distances = batch.Distances(Distance).Matrix;
        var (positives, negatives) = (batch.Candidates.Positives, batch.Candidates.Negatives);
        // The entries that are left out get a number that is not above any positive. As there, it is what an anchor without a positive has.
        var least = distances.detach().amin([1], keepdim: true).clamp_max(S(0));
        var near = where(positives | distances.isnan(), distances, least).amax(1);
        var far = where(negatives.any(1), distances.masked_fill(negatives.logical_not(), S(double.PositiveInfinity)).amin(1), near);
        var violation = near - far;
        yield return new(Soft ? RowMath.Softplus(violation) : relu(violation + S(Margin)), Iota(batch.Rows, near.device));
    }
}
