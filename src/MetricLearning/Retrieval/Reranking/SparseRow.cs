namespace MetricLearning;

/// <summary>The entries of one row of a sparse matrix, columns ascending.</summary>
internal readonly record struct SparseRow(int[] Columns, double[] Values)
{
    /// <summary>Bytes of the entries.</summary>
    public long Bytes => Columns.Length * 12L;

    /// <summary><c>Σ wᵢ rowᵢ</c>; the terms of each entry are added in the order of the rows.</summary>
    public static SparseRow Sum(ReadOnlySpan<SparseRow> rows, ReadOnlySpan<double> weights)
    {
        var total = 0;
        foreach (var row in rows) total += row.Columns.Length;
        var (places, terms) = (new long[total], new double[total]);
        var next = 0;
        for (var r = 0; r < rows.Length; r++)
            for (var i = 0; i < rows[r].Columns.Length; i++)
                (places[next], terms[next++]) = (((long)rows[r].Columns[i] << 32) + r, weights[r] * rows[r].Values[i]);
        Array.Sort(places, terms);
        var count = 0;
        for (var i = 0; i < total; i++)
            if (i == 0 || places[i] >> 32 != places[i - 1] >> 32) count++;
        var (columns, values) = (new int[count], new double[count]);
        var at = -1;
        for (var i = 0; i < total; i++)
        {
            var column = (int)(places[i] >> 32);
            if (i == 0 || column != columns[at]) columns[++at] = column;
            values[at] += terms[i];
        }
        return new SparseRow(columns, values);
    }

    /// <summary>The row with all entries divided by a number.</summary>
    public SparseRow Over(double divisor) => new(Columns, Array.ConvertAll(Values, v => v / divisor));
}
