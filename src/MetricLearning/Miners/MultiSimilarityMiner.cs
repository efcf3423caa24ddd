using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Pairs that are as hard as the hardest of the other kind, to within ε.</summary>
/// <remarks>
/// A positive is kept where d(a,p) + ε &gt; min d(a,n), a negative where d(a,n) − ε &lt; max d(a,p); an anchor that lacks either keeps
/// nothing. Memory O(N·M), no sort. Wang et al., <i>Multi-Similarity Loss</i>, CVPR 2019, eq. 7 and 8; as pytorch-metric-learning's
/// MultiSimilarityMiner.
/// </remarks>
public sealed class MultiSimilarityMiner : Miner
{
    /// <summary>Creates the miner, by the cosine distance unless <see cref="Miner.Distance"/> says otherwise.</summary>
    /// <param name="epsilon">ε, in units of the distance; 0.1 by default.</param>
    public MultiSimilarityMiner(double epsilon = 0.1)
    {
        Epsilon = double.IsFinite(epsilon) ? epsilon : throw new ArgumentOutOfRangeException(nameof(epsilon), epsilon,
            "epsilon must be finite.");
        Distance = Distance.Cosine;
    }

    /// <summary>ε.</summary>
    public double Epsilon { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var nearest = distances.masked_fill(candidates.Negatives.logical_not(), S(double.PositiveInfinity)).amin([1], keepdim: true);
        var farthest = distances.masked_fill(candidates.Positives.logical_not(), S(double.NegativeInfinity)).amax([1], keepdim: true);
        return new Pairs(
            candidates.Positives & (distances + S(Epsilon) <= nearest).logical_not(),
            candidates.Negatives & (distances - S(Epsilon) >= farthest).logical_not());
    }
}
