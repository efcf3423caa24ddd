using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Keeps positives farther than one margin and negatives nearer than another: d(a,p) &gt; m⁺, d(a,n) &lt; m⁻.</summary>
/// <remarks>Memory O(N·M). It follows pytorch-metric-learning's PairMarginMiner.</remarks>
public sealed class PairMarginMiner : Miner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="positiveMargin">The positive margin m⁺, in units of the distance, finite; 0.2 by default.</param>
    /// <param name="negativeMargin">The negative margin m⁻, in units of the distance, finite; 0.8 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">A margin is not finite.</exception>
    public PairMarginMiner(double positiveMargin = 0.2, double negativeMargin = 0.8) =>
        (PositiveMargin, NegativeMargin) = (Guard.Finite(positiveMargin), Guard.Finite(negativeMargin));

    /// <summary>The positive margin m⁺, in units of the distance.</summary>
    public double PositiveMargin { get; }

    /// <summary>The negative margin m⁻, in units of the distance.</summary>
    public double NegativeMargin { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates) => new Pairs(
        candidates.Positives & (distances <= S(PositiveMargin)).logical_not(),
        candidates.Negatives & (distances >= S(NegativeMargin)).logical_not());
}
