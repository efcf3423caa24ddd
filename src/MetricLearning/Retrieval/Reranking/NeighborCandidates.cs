using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MetricLearning;

/// <summary>The rows that may belong to the nearest rows of one query, and those that may be its farthest, given keys with an
/// error.</summary>
/// <param name="width">The number of nearest rows to find.</param>
/// <param name="gap">Two keys that differ by more than this are in their true order; 0 if the keys are exact.</param>
internal sealed class NeighborCandidates(int width, double gap)
{
    private readonly List<(double Key, int Row)> far = [];
    private double[] keys = new double[2 * width + 32];
    private int[] rows = new int[2 * width + 32];
    private int count;
    private double limit = double.PositiveInfinity, largest = double.NegativeInfinity;

    /// <summary>Adds consecutive rows.</summary>
    /// <param name="some">Their keys, to within the error.</param>
    /// <param name="first">The first of the rows.</param>
    public void Take(ReadOnlySpan<double> some, int first)
    {
        var vectors = MemoryMarshal.Cast<double, Vector512<double>>(some);
        var lanes = Vector512<double>.Count;
        var top = Vector512.Create(double.NegativeInfinity);
        for (var v = 0; v < vectors.Length; v++)
        {
            top = Vector512.Max(top, vectors[v]);
            var bits = Vector512.LessThanOrEqual(vectors[v], Vector512.Create(limit)).ExtractMostSignificantBits();
            for (; bits != 0; bits &= bits - 1)
            {
                var column = v * lanes + BitOperations.TrailingZeroCount(bits);
                Add(some[column], first + column);
            }
        }
        var highest = double.NegativeInfinity;
        for (var lane = 0; lane < lanes; lane++) highest = Math.Max(highest, top[lane]);
        for (var column = vectors.Length * lanes; column < some.Length; column++)
        {
            highest = Math.Max(highest, some[column]);
            if (some[column] <= limit) Add(some[column], first + column);
        }
        TakeFar(some, first, highest);
    }

    /// <summary>Rows that include the nearest ones.</summary>
    public ReadOnlySpan<int> Near()
    {
        Compact();
        return rows.AsSpan(0, count);
    }

    /// <summary>Rows that include the farthest one.</summary>
    public IEnumerable<int> Far() => far.Where(f => f.Key >= largest - gap).Select(f => f.Row);

    private void TakeFar(ReadOnlySpan<double> some, int first, double highest)
    {
        if (highest < largest - gap || (gap == 0 && highest <= largest)) return;
        largest = Math.Max(largest, highest);
        far.RemoveAll(f => f.Key < largest - gap);
        for (var column = 0; column < some.Length; column++)
        {
            if (some[column] < largest - gap) continue;
            far.Add((some[column], first + column));
            if (gap == 0) return;       // the keys are exact: one is enough
        }
    }

    private void Add(double key, int row)
    {
        if (count == keys.Length)
        {
            Compact();
            if (count > keys.Length / 2)
            {
                Array.Resize(ref keys, 2 * keys.Length);
                Array.Resize(ref rows, keys.Length);
            }
            if (key > limit) return;
        }
        (keys[count], rows[count]) = (key, row);
        count++;
    }

    /// <summary>Drops the rows that cannot be among the nearest any more.</summary>
    private void Compact()
    {
        if (count <= width) return;
        Array.Sort(keys, rows, 0, count);
        limit = keys[width - 1] + gap;
        while (keys[count - 1] > limit) count--;
    }
}
