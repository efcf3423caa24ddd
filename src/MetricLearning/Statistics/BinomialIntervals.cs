using MathNet.Numerics;
using MathNet.Numerics.RootFinding;

namespace MetricLearning;

/// <summary>Computes exact intervals of shares and of quantiles.</summary>
internal static class BinomialIntervals
{
    /// <summary>Computes the interval of Clopper and Pearson. It contains the rates for which neither this number of successes or fewer,
    /// nor this number or more, is too unlikely.</summary>
    /// <param name="successes">The successes, in [0, trials].</param>
    /// <param name="trials">The trials. Neither number needs to be an integer, because pairs that depend on each other count as fewer
    /// pairs.</param>
    /// <param name="confidence">The confidence, in (0, 1).</param>
    public static ConfidenceInterval Rate(double successes, double trials, double confidence)
    {
        if (trials == 0) return new ConfidenceInterval(double.NaN, double.NaN, double.NaN, confidence);
        var (k, n, tail) = (successes, trials, (1 - confidence) / 2);
        var low = k == 0 ? 0 : Quantile(k, n - k + 1, tail);
        var high = k == n ? 1 : k == 0 ? HighOfNone(n, tail) : Quantile(k + 1, n - k, 1 - tail);
        return new ConfidenceInterval(k / n, low, high, confidence);
    }

    /// <summary><c>1 − tail^(1/n)</c>, the upper end without a success, without cancellation for large n (Kahan's form of
    /// eˣ − 1).</summary>
    private static double HighOfNone(double trials, double tail)
    {
        var x = Math.Log(tail) / trials;
        var power = Math.Exp(x);
        return power == 1 ? -x : (1 - power) * x / Math.Log(power);
    }

    /// <summary>The quantile of a Beta distribution, found on a logarithmic scale. MathNet's own is exact to about 10⁻¹²,
    /// which is too coarse for a few of billions of pairs.</summary>
    private static double Quantile(double a, double b, double probability)
    {
        var least = Math.Log(1e-300);
        return Excess(least) >= 0 ? 0 : Math.Exp(Brent.FindRoot(Excess, least, 0, accuracy: 1e-13, maxIterations: 1000));

        double Excess(double log) => SpecialFunctions.BetaRegularized(a, b, Math.Exp(log)) - probability;
    }

    /// <summary>Finds the ranks, from 1, of two order statistics between which the quantile lies with the confidence; 0 and n + 1 mean
    /// minus and plus infinity.</summary>
    public static (long Low, long High) QuantileRanks(double quantile, long count, double confidence)
    {
        var tail = (1 - confidence) / 2;
        // The quantile is at or above the l-th observation if at least l observations lie at or below it: P(B ≥ l) ≥ 1 − tail.
        var low = Largest(l => l == 0 || AtMost(l - 1) <= tail);
        var high = Largest(h => h == 0 || AtMost(h - 1) < 1 - tail) + 1;
        return (low, high);

        double AtMost(long successes) => successes >= count ? 1 : quantile <= 0 ? 1 : quantile >= 1 ? 0
            : SpecialFunctions.BetaRegularized(count - successes, successes + 1.0, 1 - quantile);

        long Largest(Func<long, bool> holds)      // holds(0) is true, and false from some number on
        {
            var (yes, no) = (0L, count + 1);
            while (no - yes > 1)
            {
                var middle = yes + (no - yes) / 2;
                if (holds(middle)) yes = middle;
                else no = middle;
            }
            return yes;
        }
    }
}
