using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetricLearning;

/// <summary>A row of a distance matrix with its candidates. Each search is one pass and allocates nothing of the row's size.</summary>
/// <param name="distances">[M].</param>
/// <param name="positives">One byte for each column, 0 if it is not a positive.</param>
/// <param name="negatives">One byte for each column, 0 if it is not a negative.</param>
/// <param name="count">M, at most <see cref="MostColumns"/>.</param>
/// <remarks>Among equal distances, the search finds the lowest index. NaN has no order: if a candidate's distance is NaN, the search finds
/// the first such candidate.</remarks>
internal readonly unsafe struct CandidateRow<T>(T* distances, byte* positives, byte* negatives, int count)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>The search holds indices as float32, which is exact up to this number.</summary>
    public const int MostColumns = 1 << 24;

    private static readonly T noBound = T.NaN;      // no key is at or below NaN

    /// <summary>The distance of a column.</summary>
    public T this[int column] => distances[column];

    /// <summary>The first positive at or after a column; −1 if there is none.</summary>
    public int NextPositive(int from)
    {
        var found = new ReadOnlySpan<byte>(positives + from, count - from).IndexOfAnyExcept((byte)0);
        return found < 0 ? found : from + found;
    }

    /// <summary>The columns of all positives and of all negatives, in ascending order.</summary>
    public (int[] Positives, int[] Negatives) Columns() => (Marked(positives), Marked(negatives));

    /// <summary>The nearest or the farthest positive; −1 if there is none.</summary>
    public int Positive(bool farthest) => Lowest(positives, farthest, noBound);

    /// <summary>The nearest negative that is farther than a radius; −1 if there is none. Nothing is farther than NaN.</summary>
    public int NegativeBeyond(T radius) => Lowest(negatives, false, T.IsNaN(radius) ? T.PositiveInfinity : radius);

    /// <summary>The nearest or the farthest negative; −1 if there is none.</summary>
    public int Negative(bool farthest) => Lowest(negatives, farthest, noBound);

    /// <summary>The nearest negative that is not within a radius; −1 if there is none. Nothing is within NaN.</summary>
    public int NegativeOutside(T radius) => Lowest(negatives, false, radius);

    /// <summary>The farthest positive that is nearer than a radius; −1 if there is none. If the radius is NaN, it is the farthest of all
    /// positives.</summary>
    public int PositiveWithin(T radius) => Lowest(positives, true, -radius);

    /// <summary>All negatives at the same distance as a given one, in ascending order. If that distance is NaN, the list has only the given
    /// negative. For −1 it is empty.</summary>
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

    /// <summary>The masked column with the smallest key above <paramref name="bound"/>; −1 if there is none. A NaN key comes
    /// first.</summary>
    /// <param name="mask">One byte for each column, 0 if it is not searched.</param>
    /// <param name="negated">Whether the key is the negated distance instead of the distance.</param>
    /// <param name="bound">The bound; NaN for none.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Lowest(byte* mask, bool negated, T bound)
    {
        var sign = Vector256.Create(negated ? T.NegativeOne : T.One);
        var (least, lowest, at) = (Vector256.Create(bound), Vector256.Create(T.PositiveInfinity), Vector256.Create(T.NegativeOne));
        var (nan, index, step) = (Vector256<T>.Zero, FirstIndices(), Vector256.Create(T.CreateTruncating(Vector256<T>.Count)));
        for (var i = 0; i < count; i += Vector256<T>.Count, index += step)
        {
            var kept = SimdRows.LoadMask<T>(mask, i, count);
            if (kept == 0) continue;
            var (candidates, keys) = (SimdRows.ExpandMask<T>(kept), SimdRows.Load(distances, i, count) * sign);
            nan |= Vector256.AndNot(candidates, Vector256.Equals(keys, keys));
            var lower = Vector256.AndNot(candidates, Vector256.LessThanOrEqual(keys, least))
                & (Vector256.LessThan(keys, lowest) | Vector256.LessThan(at, Vector256<T>.Zero));
            lowest = Vector256.ConditionalSelect(lower, keys, lowest);
            at = Vector256.ConditionalSelect(lower, index, at);
        }
        return nan == Vector256<T>.Zero ? LowestOf(lowest, at) : FirstNaN(mask);
    }

    private int[] Marked(byte* mask)
    {
        var marks = new ReadOnlySpan<byte>(mask, count);
        var columns = new int[marks.Count((byte)1)];
        var filled = 0;
        for (var column = 0; filled < columns.Length; column++)
            if (marks[column] != 0) columns[filled++] = column;
        return columns;
    }

    private int FirstNaN(byte* mask)
    {
        var column = 0;
        while (mask[column] == 0 || !T.IsNaN(distances[column])) column++;
        return column;
    }

    /// <summary>The column of the smallest of the keys that the lanes of a vector found; −1 if none found any.</summary>
    private static int LowestOf(Vector256<T> keys, Vector256<T> columns)
    {
        var (best, found) = (T.PositiveInfinity, -1);
        for (var lane = 0; lane < Vector256<T>.Count; lane++)
        {
            var column = int.CreateTruncating(columns[lane]);
            if (column >= 0 && (found < 0 || keys[lane] < best || (keys[lane] == best && column < found)))
                (best, found) = (keys[lane], column);
        }
        return found;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> FirstIndices() => typeof(T) == typeof(float)
        ? Vector256.Create(0f, 1, 2, 3, 4, 5, 6, 7).As<float, T>()
        : Vector256.Create(0d, 1, 2, 3).As<double, T>();
}
