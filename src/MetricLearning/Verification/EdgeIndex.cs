using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetricLearning;

/// <summary>A fast binary search in ascending numbers: a table of equal buckets leads to the right part.</summary>
internal sealed class EdgeIndex
{
    private const int Buckets = 1 << 16;
    private readonly double[] edges;        // and +∞ at the end, so that every place has an edge
    private readonly int[] starts = new int[Buckets + 1];
    private readonly double low, perUnit;

    public EdgeIndex(double[] ascending)
    {
        edges = [.. ascending, double.PositiveInfinity];
        Count = ascending.Length;
        if (Count > 0)
        {
            low = ascending[0];
            perUnit = Buckets / (ascending[^1] - low);
            if (!double.IsFinite(perUnit)) perUnit = 0;
        }
        var place = 0;
        for (var bucket = 0; bucket < Buckets; bucket++)
        {
            while (place < Count && Bucket(edges[place]) < bucket) place++;
            starts[bucket] = place;
        }
        starts[Buckets] = Count;
    }

    public int Count { get; }

    public double this[int place] => edges[place];

    /// <summary>The index of the first edge that is not below a value; the number of edges if all are below it.</summary>
    public int LowerBound(double value)
    {
        // The bucket of a value rises with the value, so the edges of lower buckets are below it and the edges of higher buckets above it.
        var bucket = Bucket(value);
        var (from, to) = (starts[bucket], starts[bucket + 1]);
        while (from < to)
        {
            var middle = (from + to) >>> 1;
            if (edges[middle] < value) from = middle + 1;
            else to = middle;
        }
        return from;
    }

    /// <summary>The index of the first edge that is not below each value, as <see cref="LowerBound"/> has it. The index of a NaN is
    /// arbitrary.</summary>
    /// <param name="values">The values.</param>
    /// <param name="places">Receives the indices.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public unsafe void LowerBounds(ReadOnlySpan<double> values, Span<int> places)
    {
        var i = 0;
        if (Avx2.IsSupported)
        {
            fixed (double* from = values, edge = edges)
            fixed (int* start = starts, to = places)
                // Two vectors are searched together, so their memory accesses overlap.
                for (; i <= values.Length - 8; i += 8)
                {
                    var (x, y) = (Vector256.Load(from + i), Vector256.Load(from + i + 4));
                    var (xBucket, yBucket) = (BucketsOf(x), BucketsOf(y));
                    var xLow = Avx2.GatherVector128(start, xBucket, sizeof(int));
                    var yLow = Avx2.GatherVector128(start, yBucket, sizeof(int));
                    var xHigh = Avx2.GatherVector128(start + 1, xBucket, sizeof(int));
                    var yHigh = Avx2.GatherVector128(start + 1, yBucket, sizeof(int));
                    while ((Vector128.LessThan(xLow, xHigh) | Vector128.LessThan(yLow, yHigh)) != Vector128<int>.Zero)
                    {
                        // The edge at the end of a finished search is not below the value, so the search stays where it is.
                        (xLow, xHigh) = Halved(edge, x, xLow, xHigh);
                        (yLow, yHigh) = Halved(edge, y, yLow, yHigh);
                    }
                    xLow.Store(to + i);
                    yLow.Store(to + i + 4);
                }
        }
        for (; i < values.Length; i++) places[i] = LowerBound(values[i]);
    }

    /// <summary>One step of binary searches for the first edge that is not below a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe (Vector128<int> Low, Vector128<int> High) Halved(double* edges, Vector256<double> values, Vector128<int> low,
        Vector128<int> high)
    {
        var middle = (low + high) >>> 1;
        var isBelow = Vector256.LessThan(Avx2.GatherVector256(edges, middle, sizeof(double)), values).AsInt64();
        var below = Vector128.Narrow(isBelow.GetLower(), isBelow.GetUpper());
        return (Vector128.ConditionalSelect(below, middle + Vector128<int>.One, low), Vector128.ConditionalSelect(below, high, middle));
    }

    /// <summary>The buckets of four values. The bucket of a NaN is the first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<int> BucketsOf(Vector256<double> values)
    {
        var place = (values - Vector256.Create(low)) * Vector256.Create(perUnit);
        place = Vector256.Min(Vector256.Max(place, Vector256<double>.Zero), Vector256.Create((double)(Buckets - 1)));
        return Vector128.Max(Vector128<int>.Zero, Avx.ConvertToVector128Int32WithTruncation(place));
    }

    private int Bucket(double value) => (int)Math.Clamp((value - low) * perUnit, 0, Buckets - 1);
}
