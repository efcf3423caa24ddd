using System.Globalization;
using MathNet.Numerics.Distributions;

namespace MetricLearning;

/// <summary>A comparison of two models on the same queries. It says whether one is better or the difference may be chance.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Count">The number of independent units that were compared: identities if they were given, otherwise queries.</param>
/// <param name="Difference">The mean over queries of second minus first, with Student's interval.</param>
/// <param name="StudentP">The two-sided p of the paired t-test. It is small if chance is unlikely.</param>
/// <param name="PermutationP">The two-sided p of the sign-flip test, which assumes no distribution: the share of random exchanges of the
/// two models, unit by unit, whose mean difference is at least as large in size. The observed order counts as one of them.</param>
/// <param name="WilcoxonP">The two-sided p of Wilcoxon's signed-rank test on the units' mean differences (zeros left out, ties by mean
/// ranks; exact up to 50 units). It is robust against a few queries with large differences.</param>
public sealed record PairedTest(int Count, ConfidenceInterval Difference, double StudentP, double PermutationP, double WilcoxonP)
{
    /// <summary>Compares values query by query.</summary>
    /// <param name="first">The values of the first model, for example the average precision of each query.</param>
    /// <param name="second">The values of the second model, for the same queries in the same order. A query that is NaN in either is left
    /// out.</param>
    /// <param name="queryIdentities">The identity of each query. Queries of one identity are not independent, so identities are the units
    /// if they are given. The mean is over queries in both cases. Default: null, queries are the units.</param>
    /// <param name="confidence">The confidence of the interval, in (0, 1). Default: 0.95.</param>
    /// <param name="permutations">The number of random exchanges, at least 1. Default: 10,000.</param>
    /// <param name="seed">The seed of the exchanges. Default: 0.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The numbers of values or identities differ, or a value is infinite.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The confidence is not in (0, 1), or there is not at least 1 permutation.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public static PairedTest Compare(IReadOnlyList<double> first, IReadOnlyList<double> second, IReadOnlyList<long>? queryIdentities = null,
        double confidence = 0.95, int permutations = 10_000, ulong seed = 0, CancellationToken cancellationToken = default)
    {
        PairedValues.RefuseInfinite(first, nameof(first));
        PairedValues.RefuseInfinite(second, nameof(second));
        Guard.Between(confidence, 0, 1);
        Guard.AtLeast(permutations, 1);
        if (first.Count != second.Count)
            throw new ArgumentException($"first and second must have one value per query, got {first.Count} and {second.Count}.",
                nameof(second));
        var call = CallProgress.Begin(progress: null, cancellationToken);
        var groups = PairedValues.Groups([.. first.Zip(second, (a, b) => b - a)], queryIdentities,
            nameof(queryIdentities));
        var (count, queries) = (groups.Length, groups.Sum(g => g.Count));
        if (count == 0)
            return new PairedTest(0, new ConfidenceInterval(double.NaN, double.NaN, double.NaN, confidence), double.NaN, double.NaN,
                double.NaN);
        var mean = groups.Sum(g => g.Sum) / queries;
        var (error, p) = (double.NaN, double.NaN);
        if (count > 1)
        {
            // This is the standard error of a ratio of sums. If each group has one value, it is the standard error of the mean.
            error = Math.Sqrt(groups.Sum(g => Math.Pow(g.Sum - mean * g.Count, 2)) * count / (count - 1)) / queries;
            p = error > 0 ? 2 * StudentT.CDF(0, 1, count - 1, -Math.Abs(mean) / error) : mean == 0 ? 1 : 0;
        }
        var margin = count > 1 ? error * StudentT.InvCDF(0, 1, count - 1, (1 + confidence) / 2) : double.NaN;
        return new PairedTest(count, new ConfidenceInterval(mean, mean - margin, mean + margin, confidence), p,
            Exchange([.. groups.Select(g => g.Sum)], permutations, seed, call),
            WilcoxonSignedRank.TwoSidedP([.. groups.Select(g => g.Sum / g.Count)]));
    }

    /// <summary>One line with four digits.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"difference {Difference} over {Count}; p: t-test {StudentP:G4}, permutations {PermutationP:G4}, Wilcoxon {WilcoxonP:G4}");

    /// <summary>Computes the two-sided p of the sign-flip test on the sums of the units.</summary>
    private static double Exchange(double[] sums, int permutations, ulong seed, CallProgress call)
    {
        var observed = Math.Abs(sums.Sum());
        var slack = 1e-12 * sums.Sum(Math.Abs);     // for sums of the same numbers in another order
        var extreme = 0;
        call.For(permutations, i =>
        {
            var random = SeededRandom.ForStream(seed, 0, (ulong)i);
            var (sum, bits) = (0.0, 0UL);
            for (var u = 0; u < sums.Length; u++)
            {
                if (u % 64 == 0) bits = random.NextUInt64();
                sum += (bits >> (u % 64) & 1) == 0 ? sums[u] : -sums[u];
            }
            if (Math.Abs(sum) >= observed - slack) Interlocked.Increment(ref extreme);
        });
        return (extreme + 1.0) / (permutations + 1.0);
    }
}
