using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Keeps positives within β − m and negatives beyond β + m: <c>Σ ([d(a,p) − β + m]₊ + [β − d(a,n) + m]₊) / active</c> over triplets. β is
/// fixed, learned, or learned for each class. A learned β is regularized by ν·β.
/// </summary>
/// <remarks>
/// Default: m = 0.2, β = 1.2 fixed, ν = 0, Euclidean distance of rows of length 1, all triplets, and <see cref="Reducer.Divisor"/>: the
/// number of hinges that are above 0, as in pytorch-metric-learning. With this reducer a pair is weighted by the number of triplets that it
/// is in, so all triplets take O(N²) memory. With any other reducer each triplet is a value, and takes memory of its own. A single learned
/// β adds ν·β once. One β for each class adds Σ ν·β over the triplets, divided by the same divisor. A learned β is the parameter
/// <c>beta</c>: give <c>loss.parameters()</c> to the optimizer. Wu et al., <i>Sampling Matters in Deep Embedding Learning</i>, ICCV 2017.
/// </remarks>
public sealed class MarginLoss : TupleLoss
{
    private readonly Parameter? beta;
    private readonly double start;

    /// <summary>Creates the loss.</summary>
    /// <param name="margin">The margin m, finite. Default: 0.2.</param>
    /// <param name="beta">The boundary β, or the initial value of a learned β. Default: 1.2.</param>
    /// <param name="nu">The weight ν of a learned β in the loss, 0 or more. Default: 0.</param>
    /// <param name="learnedBetas">The number of learned β: 0 for a fixed β (the default), 1 for a single β, or C for one β for each of C
    /// classes, with labels in [0, C).</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public MarginLoss(double margin = 0.2, double beta = 1.2, double nu = 0, int learnedBetas = 0) : base(nameof(MarginLoss))
    {
        (Margin, start, Nu) = (Guard.Finite(margin), Guard.Finite(beta), Guard.NotNegative(nu));
        Distance = Distance.Euclidean.Normalized();
        Reducer = Reducer.Divisor;
        if (Guard.AtLeast(learnedBetas, 0) == 0) return;
        this.beta = nn.Parameter(full(learnedBetas, S(beta), ScalarType.Float32));
        register_parameter(nameof(beta), this.beta);
    }

    /// <summary>The margin m.</summary>
    public double Margin { get; }

    /// <summary>The weight ν.</summary>
    public double Nu { get; }

    /// <summary>[1] or [C]: the learned β; null if it is fixed.</summary>
    public Parameter? Beta => beta;

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        // The divisor needs only sums over the triplets. They are sums over pairs, each with the number of triplets that it is in.
        var pairs = Reducer is DivisorReducer && !distances.Batch.WantsEachValue ? tuples as Pairs : null;
        if (pairs is null) tuples = tuples.AsTriplets();
        var (anchors, positives) = tuples.PositivePairs();
        var (others, negatives) = tuples.NegativePairs();
        var near = distances[anchors, positives];
        var far = distances[others, negatives];
        var pull = relu(near - BetaOf(anchors, distances.Batch, near) + S(Margin));
        var push = relu(BetaOf(others, distances.Batch, far) - far + S(Margin));
        var (pullWeights, pushWeights) = pairs is not null
            ? (pairs.Negatives.sum(1).index_select(0, anchors), pairs.Positives.sum(1).index_select(0, others))
            : (ones_like(anchors), ones_like(others));
        var active = ((pull > S(0)) * pullWeights).sum().Plus(((push > S(0)) * pushWeights).sum());
        yield return pairs is null
            ? new(pull.Plus(push), anchors) { Divisor = active }
            : new(cat([pull * pullWeights, push * pushWeights]), cat([anchors, others])) { Divisor = active };

        if (beta is null || Nu == 0 || anchors.size(0) == 0) yield break;
        var betas = BetaOf(anchors, distances.Batch, near);
        yield return beta.size(0) == 1
            ? new(S(Nu) * betas.squeeze(0) * (pullWeights.sum() > S(0)))
            : new(S(Nu) * betas * pullWeights, anchors) { Divisor = active };
    }

    /// <summary>β of the rows: [1] if there is only one, [K] if each class has its own.</summary>
    private Tensor BetaOf(Tensor rows, LossBatch batch, Tensor like)
    {
        if (beta is null) return full(1, S(start), like.dtype, like.device);
        var betas = beta.to(like.dtype);
        if (beta.size(0) == 1) return betas;
        var labels = batch.RequireLabels($"{nameof(MarginLoss)} with a β for each class");
        Guard.InRange(labels, beta.size(0));
        return betas.index_select(0, labels.index_select(0, rows));
    }
}
