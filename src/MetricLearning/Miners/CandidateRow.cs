using System.Numerics;
using System.Runtime.Intrinsics;

namespace MetricLearning;

/// <summary>A row of a distance matrix with its candidates, searched in one pass without anything of its size.</summary>
/// <param name="distances">[M].</param>
/// <param name="positives">A byte for each column, 0 where it is no positive.</param>
/// <param name="negatives">A byte for each column, 0 where it is no negative.</param>
/// <param name="count">M, at most <see cref="MostColumns"/>.</param>
/// <remarks>Of equal distances the lowest index is found. A NaN has no place in an order: the first is found wherever there is
/// one.</remarks>
internal readonly unsafe struct CandidateRow<T>(T* distances, byte* positives, byte* negatives, int count)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>Indices are kept as float32, exactly.</summary>
    public const int MostColumns = 1 << 24;

    private static readonly T none = T.NaN;        // nothing is at or below it

    /// <summary>The distance of a column.</summary>
    public T this[int column] => distances[column];

    /// <summary>The first positive from a column on; −1 where there is none.</summary>
    public int NextPositive(int from)
    {
        var found = new ReadOnlySpan<byte>(positives + from, count - from).IndexOfAnyExcept((byte)0);
        return found < 0 ? found : from + found;
    }

    /// <summary>The nearest or the farthest positive; −1 where there is none.</summary>
    public int Positive(bool farthest) => Lowest(positives, farthest, none);

    /// <summary>The nearest negative farther than a radius; −1 where there is none. Nothing is farther than NaN.</summary>
    public int NegativeBeyond(T radius) => Lowest(negatives, false, T.IsNaN(radius) ? T.PositiveInfinity : radius);

    /// <summary>The farthest negative; −1 where there is none.</summary>
    public int FarthestNegative() => Lowest(negatives, true, none);

    /// <summary>The negatives that are as far as one of them, by index; a NaN is alone, and −1 is none.</summary>
    public List<int> NegativesAsFarAs(int column)
    {
        if (column < 0 || T.IsNaN(distances[column])) return column < 0 ? [] : [column];
        var found = new List<int>();
        for (var at = 0; at < count; at++)
        {
            var next = new ReadOnlySpan<T>(distances + at, count - at).IndexOf(distances[column]);
            if (next < 0) break;
            at += next;
            if (negatives[at] != 0) found.Add(at);
        }
        return found;
    }

    /// <summary>Of the columns of a mask whose key is not at or below a bound that of the lowest; the key is the distance, or less
    /// it.</summary>
    private int Lowest(byte* mask, bool negated, T bound)
    {
        var sign = Vector256.Create(negated ? T.NegativeOne : T.One);
        var (least, lowest, at) = (Vector256.Create(bound), Vector256.Create(T.PositiveInfinity), Vector256.Create(T.NegativeOne));
        var (nan, index, step) = (Vector256<T>.Zero, FirstIndices(), Vector256.Create(T.CreateTruncating(Vector256<T>.Count)));
        for (var i = 0; i < count; i += Vector256<T>.Count, index += step)
        {
            var kept = SimdRows.Kept<T>(mask, i, count);
            if (kept == 0) continue;
            var (candidates, keys) = (SimdRows.Mask<T>(kept), SimdRows.Load(distances, i, count) * sign);
            nan |= Vector256.AndNot(candidates, Vector256.Equals(keys, keys));
            var lower = Vector256.AndNot(candidates, Vector256.LessThanOrEqual(keys, least))
                & (Vector256.LessThan(keys, lowest) | Vector256.LessThan(at, Vector256<T>.Zero));
            lowest = Vector256.ConditionalSelect(lower, keys, lowest);
            at = Vector256.ConditionalSelect(lower, index, at);
        }
        if (nan != Vector256<T>.Zero)
            for (var column = 0; ; column++)
                if (mask[column] != 0 && T.IsNaN(distances[column])) return column;
        var (best, place) = (T.PositiveInfinity, -1);
        for (var lane = 0; lane < Vector256<T>.Count; lane++)
        {
            var column = int.CreateTruncating(at[lane]);
            if (column >= 0 && (place < 0 || lowest[lane] < best || (lowest[lane] == best && column < place))) (best, place) = (
                lowest[lane], column);
        }
        return place;
    }

    private static Vector256<T> FirstIndices() => typeof(T) == typeof(float)
        ? Vector256.Create(0f, 1, 2, 3, 4, 5, 6, 7).As<float, T>()
        : Vector256.Create(0d, 1, 2, 3).As<double, T>();
}
