using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetricLearning.Search;

/// <summary>Selects from numbers without sorting them.</summary>
internal static class Selection
{
    /// <summary>Returns the k-th largest number. It reorders the numbers.</summary>
    /// <param name="values">At least k numbers, none NaN.</param>
    /// <param name="k">1 for the largest.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Largest(Span<double> values, int k)
    {
        while (values.Length > 16)
        {
            // Numbers above the pivot come first, then those below it; equal ones may be on either side, so that they divide evenly.
            var pivot = Middle(values[0], values[values.Length / 2], values[^1]);
            var (i, j) = (0, values.Length - 1);
            while (i <= j)
            {
                while (values[i] > pivot) i++;
                while (values[j] < pivot) j--;
                if (i > j) break;
                (values[i], values[j]) = (values[j], values[i]);
                (i, j) = (i + 1, j - 1);
            }
            if (k <= j + 1) values = values[..(j + 1)];
            else if (k <= i) return pivot;
            else
            {
                values = values[i..];
                k -= i;
            }
        }
        values.Sort();
        return values[^k];
    }

    /// <summary>A number that at least k of the values reach, and few more than k where the values are spread evenly. It is found by
    /// halving the range of the values, which takes a fraction of the time of <see cref="Largest"/>.</summary>
    /// <param name="values">At least k numbers, finite.</param>
    /// <param name="k">At least 1.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Reached(ReadOnlySpan<double> values, int k)
    {
        const int halvings = 20;
        var (low, high) = Range(values);
        if (Count(values, high) >= k) return high;
        for (var i = 0; i < halvings; i++)
        {
            var middle = low / 2 + high / 2;
            var count = Count(values, middle);
            if (count < k) high = middle;
            else
            {
                low = Math.Max(low, middle);        // they may be so near that their middle is rounded below both
                if (count <= k + k / 32) break;
            }
        }
        return low;
    }

    /// <summary>The smallest and the largest of some numbers, none NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (double Low, double High) Range(ReadOnlySpan<double> values)
    {
        var (lows, highs, i) = (Vector256.Create(double.PositiveInfinity), Vector256.Create(double.NegativeInfinity), 0);
        for (; i <= values.Length - 4; i += 4)
        {
            var four = Vector256.Create(values[i..]);
            (lows, highs) = (Vector256.Min(lows, four), Vector256.Max(highs, four));
        }
        var low = Math.Min(Math.Min(lows[0], lows[1]), Math.Min(lows[2], lows[3]));
        var high = Math.Max(Math.Max(highs[0], highs[1]), Math.Max(highs[2], highs[3]));
        for (; i < values.Length; i++) (low, high) = (Math.Min(low, values[i]), Math.Max(high, values[i]));
        return (low, high);
    }

    /// <summary>How many of the values are at least so large.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Count(ReadOnlySpan<double> values, double least)
    {
        var (bound, counts, i) = (Vector256.Create(least), Vector256<long>.Zero, 0);
        for (; i <= values.Length - 4; i += 4)
            counts -= Vector256.GreaterThanOrEqual(Vector256.Create(values[i..]), bound).AsInt64();
        var count = (int)Vector256.Sum(counts);
        for (; i < values.Length; i++) count += values[i] >= least ? 1 : 0;
        return count;
    }

    private static double Middle(double a, double b, double c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
}
