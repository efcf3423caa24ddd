using System.Runtime.CompilerServices;

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

    private static double Middle(double a, double b, double c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
}
