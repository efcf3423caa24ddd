using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Keeps the positives of an anchor that are farther than its nearest negative, and the negatives that are nearer than its
/// farthest positive, with a slack of ε.</summary>
/// <remarks>
/// A positive is kept if d(a,p) + ε &gt; min d(a,n), a negative if d(a,n) − ε &lt; max d(a,p). An anchor without positives or without
/// negatives keeps nothing. Memory O(N·M), no sort. Wang et al., <i>Multi-Similarity Loss</i>, CVPR 2019, eqs. 7 and 8; as in
/// pytorch-metric-learning's MultiSimilarityMiner.
/// </remarks>
public sealed class MultiSimilarityMiner : Miner
{
    /// <summary>Creates the miner. It mines by the cosine distance, unless <see cref="Miner.Distance"/> is set.</summary>
    /// <param name="epsilon">The slack ε, in units of the distance, finite; 0.1 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">ε is not finite.</exception>
    public MultiSimilarityMiner(double epsilon = 0.1)
    {
        Epsilon = Guard.Finite(epsilon);
        Distance = Distance.Cosine;
    }

    /// <summary>The slack ε, in units of the distance.</summary>
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
