namespace MetricLearning;

/// <summary>The rows that may belong to the nearest rows of one query, and those that may be its farthest, given keys with an
/// error.</summary>
/// <param name="width">The number of nearest rows to find.</param>
/// <param name="gap">Two keys that differ by more than this are in their true order; 0 if the keys are exact.</param>
/// <param name="exact">The exact key of a row.</param>
/// <remarks>If many rows are equal or nearly so, their keys do not tell which of them are the nearest. Their exact keys are then computed
/// at once and most of them are dropped, so the memory is O(width) for every set of rows.</remarks>
internal sealed class NeighborCandidates(int width, double gap, Func<int, double> exact)
{
    private const int FewFar = 4, MostFar = 64;

    /// <summary>Lists of this length do not grow.</summary>
    private readonly int most = 4 * width + 64;

    private double[] keys = new double[2 * width + 32], farKeys = new double[FewFar];
    private int[] rows = new int[2 * width + 32], farRows = new int[FewFar];
    private int count, farCount;
    private double largest = double.NegativeInfinity;

    /// <summary>A row with a larger key is not among the nearest.</summary>
    public double NearLimit { get; private set; } = double.PositiveInfinity;

    /// <summary>A row with a smaller key is not the farthest.</summary>
    public double FarLimit => largest - gap;

    /// <summary>Rows that include the nearest ones.</summary>
    public ReadOnlySpan<int> Near
    {
        get
        {
            Compact();
            return rows.AsSpan(0, count);
        }
    }

    /// <summary>Rows that include the farthest one.</summary>
    public ReadOnlySpan<int> Far
    {
        get
        {
            CompactFar();
            return farRows.AsSpan(0, farCount);
        }
    }

    /// <summary>Takes a row.</summary>
    /// <param name="key">Its key, to within the error.</param>
    /// <param name="row">The row.</param>
    /// <returns>Whether a limit has changed.</returns>
    public bool Take(double key, int row)
    {
        var (limit, top) = (NearLimit, largest);
        if (key <= limit) AddNear(key, row);
        // Where the keys are exact, one farthest row is enough.
        if (gap == 0 ? key > top : key >= FarLimit) AddFar(key, row);
        return limit != NearLimit || top != largest;
    }

    private void AddNear(double key, int row)
    {
        if (count == keys.Length)
        {
            Compact();
            if (count > keys.Length / 2)
            {
                if (keys.Length < most) Grow(ref keys, ref rows);
                else KeepNearest();
            }
            if (key > NearLimit) return;
        }
        (keys[count], rows[count]) = (key, row);
        count++;
    }

    private void AddFar(double key, int row)
    {
        largest = Math.Max(largest, key);
        if (farCount == farKeys.Length || gap == 0)
        {
            CompactFar();
            if (farCount == farKeys.Length)
            {
                if (farCount < MostFar) Grow(ref farKeys, ref farRows);
                else KeepFarthest();
            }
        }
        (farKeys[farCount], farRows[farCount]) = (key, row);
        farCount++;
    }

    /// <summary>Drops the rows that cannot be among the nearest any more.</summary>
    private void Compact()
    {
        if (count <= width) return;
        Array.Sort(keys, rows, 0, count);
        NearLimit = keys[width - 1] + gap;
        while (keys[count - 1] > NearLimit) count--;
    }

    /// <summary>Keeps the nearest rows by their exact keys, of equal ones the first.</summary>
    private void KeepNearest()
    {
        for (var i = 0; i < count; i++) keys[i] = exact(rows[i]);
        RowOrder.Sort(keys.AsSpan(0, count), rows.AsSpan(0, count));
        count = width;
        NearLimit = Math.Min(NearLimit, keys[width - 1] + gap);
    }

    /// <summary>Keeps the farthest row by the exact keys.</summary>
    private void KeepFarthest()
    {
        var (farthest, row) = (double.NegativeInfinity, -1);
        foreach (var other in farRows.AsSpan(0, farCount))
            if (exact(other) is var key && key > farthest) (farthest, row) = (key, other);
        (farKeys[0], farRows[0], farCount) = (farthest, row, 1);
    }

    /// <summary>Drops the rows that cannot be the farthest any more.</summary>
    private void CompactFar()
    {
        var kept = 0;
        for (var i = 0; i < farCount; i++)
            if (farKeys[i] >= FarLimit) (farKeys[kept], farRows[kept++]) = (farKeys[i], farRows[i]);
        farCount = kept;
    }

    private static void Grow(ref double[] keys, ref int[] rows)
    {
        Array.Resize(ref keys, 2 * keys.Length);
        Array.Resize(ref rows, keys.Length);
    }
}
