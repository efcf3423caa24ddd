namespace MetricLearning;

/// <summary>The entries of one row of a sparse matrix, columns ascending.</summary>
internal readonly record struct SparseRow(int[] Columns, double[] Values)
{
    /// <summary>Bytes of the entries.</summary>
    public long Bytes => Columns.Length * 12L;

    /// <summary><c>Σ wᵢ rowᵢ / divisor</c>; the terms of each entry are added in the order of the rows.</summary>
    public static SparseRow Sum(ReadOnlySpan<SparseRow> rows, ReadOnlySpan<double> weights, double divisor = 1)
    {
        var total = 0;
        foreach (var row in rows) total += row.Columns.Length;
        var (columns, count) = (Scratch.Ints(total), 0);
        var values = Scratch.Doubles(total);
        Span<int> next = rows.Length <= 64 ? stackalloc int[rows.Length] : new int[rows.Length];
        next.Clear();
        while (true)
        {
            var column = int.MaxValue;
            for (var r = 0; r < rows.Length; r++)
                if (next[r] < rows[r].Columns.Length) column = Math.Min(column, rows[r].Columns[next[r]]);
            if (column == int.MaxValue) break;
            var sum = 0.0;
            for (var r = 0; r < rows.Length; r++)
                if (next[r] < rows[r].Columns.Length && rows[r].Columns[next[r]] == column) sum += weights[r] * rows[r].Values[next[r]++];
            (columns[count], values[count]) = (column, sum / divisor);
            count++;
        }
        return new SparseRow(columns[..count], values[..count].ToArray());
    }

    /// <summary>The row with all entries divided by a number.</summary>
    public SparseRow Over(double divisor) => new(Columns, Array.ConvertAll(Values, v => v / divisor));
}
