using MathNet.Numerics.Distributions;
using MathNet.Numerics.Statistics;

namespace MetricLearning;

/// <summary>Wilcoxon's signed-rank test of whether differences are symmetric about zero.</summary>
internal static class WilcoxonSignedRank
{
    private const int MostExact = 50;

    /// <summary>Computes the two-sided p. Differences of exactly zero are left out. Differences of equal size share their mean
    /// rank.</summary>
    /// <remarks>Up to 50 differences it is exact, ties included: the share of the 2ⁿ choices of signs whose rank sum is at least as far
    /// from the middle. Beyond 50 it uses the normal distribution with the variance corrected for ties. It is NaN without any difference,
    /// and 1 if all are zero.</remarks>
    public static double TwoSidedP(IReadOnlyList<double> differences)
    {
        if (differences.Count == 0) return double.NaN;
        double[] nonZero = [.. differences.Where(d => d != 0)];
        if (nonZero.Length == 0) return 1;
        var ranks = Array.ConvertAll(nonZero, Math.Abs).Ranks(RankDefinition.Average);
        var positive = 0.0;
        for (var i = 0; i < ranks.Length; i++) positive += nonZero[i] > 0 ? ranks[i] : 0;
        var middle = ranks.Sum() / 2;
        if (ranks.Length <= MostExact) return Exact(ranks, Math.Abs(positive - middle));
        // Σ r² / 4 is n(n + 1)(2n + 1) / 24 less the correction for ties.
        return 2 * Normal.CDF(0, 1, -Math.Abs(positive - middle) / Math.Sqrt(ranks.Sum(r => r * r) / 4));
    }

    private static double Exact(double[] ranks, double distance)
    {
        // Mean ranks are multiples of one half, so twice a sum is an integer. Entry s is the probability of the sum s / 2.
        var probability = new double[1 + (int)(2 * ranks.Sum())];
        probability[0] = 1;
        foreach (var rank in ranks)
            for (var sum = probability.Length - 1; sum >= 0; sum--)
                probability[sum] = (probability[sum] + (sum >= 2 * rank ? probability[sum - (int)(2 * rank)] : 0)) / 2;
        var middle = (probability.Length - 1) / 2.0;
        return Math.Min(1, Enumerable.Range(0, probability.Length).Where(sum => Math.Abs(sum - middle) >= 2 * distance)
            .Sum(sum => probability[sum]));
    }
}
