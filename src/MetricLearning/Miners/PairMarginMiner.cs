using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Positives farther than a margin, and negatives nearer than another: d(a,p) &gt; m⁺, d(a,n) &lt; m⁻.</summary>
/// <remarks>Memory O(N·M). As pytorch-metric-learning's PairMarginMiner.</remarks>
public sealed class PairMarginMiner : Miner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="positiveMargin">m⁺, in units of the distance; 0.2 by default.</param>
    /// <param name="negativeMargin">m⁻; 0.8 by default.</param>
    public PairMarginMiner(double positiveMargin = 0.2, double negativeMargin = 0.8)
    {
        PositiveMargin = NotNaN(positiveMargin, nameof(positiveMargin));
        NegativeMargin = NotNaN(negativeMargin, nameof(negativeMargin));
    }

    /// <summary>m⁺.</summary>
    public double PositiveMargin { get; }

    /// <summary>m⁻.</summary>
    public double NegativeMargin { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates) => new Pairs(
        candidates.Positives & (distances <= S(PositiveMargin)).logical_not(),
        candidates.Negatives & (distances >= S(NegativeMargin)).logical_not());

    private static double NotNaN(double margin, string name) =>
        double.IsNaN(margin) ? throw new ArgumentOutOfRangeException(name, margin, $"{name} must be a number.") : margin;
}
