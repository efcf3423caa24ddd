using System.Globalization;

namespace MetricLearning;

/// <summary>A sparse matrix by columns: for each column its rows, ascending, and their values.</summary>
internal sealed class InvertedIndex
{
    private readonly int[] starts, rows;
    private readonly double[] values;

    /// <param name="matrix">The rows. They are enumerated twice, so they need not all be in memory at once.</param>
    /// <param name="width">The number of columns.</param>
    /// <exception cref="InvalidOperationException">The rows have more entries than an array can hold.</exception>
    public InvertedIndex(IEnumerable<SparseRow> matrix, int width)
    {
        starts = new int[width + 1];
        foreach (var row in matrix)
            foreach (var column in row.Columns) starts[column + 1]++;
        for (var column = 0; column < width; column++)
        {
            var end = (long)starts[column + 1] + starts[column];
            starts[column + 1] = end <= Array.MaxLength ? (int)end : throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture, $"The rows have more than {Array.MaxLength} weights. Shorten the lists of neighbors."));
        }
        (rows, values) = (new int[starts[width]], new double[starts[width]]);
        var (next, r) = (starts[..width], 0);
        foreach (var row in matrix)
        {
            for (var i = 0; i < row.Columns.Length; i++)
            {
                var place = next[row.Columns[i]]++;
                (rows[place], values[place]) = (r, row.Values[i]);
            }
            r++;
        }
    }

    /// <summary>Bytes of the entries.</summary>
    public long Bytes => rows.Length * 12L + starts.Length * 4L;

    /// <summary>One column as a row of the transposed matrix.</summary>
    public SparseRow Column(int column) => new(rows[starts[column]..starts[column + 1]], values[starts[column]..starts[column + 1]]);

    /// <summary>Adds <c>Σ min(vⱼ, wⱼ)</c> of a row v and every row w to the sums, in the order of the columns.</summary>
    public void AddMinima(SparseRow row, Span<double> sums)
    {
        for (var i = 0; i < row.Columns.Length; i++)
            for (var place = starts[row.Columns[i]]; place < starts[row.Columns[i] + 1]; place++)
                sums[rows[place]] += Math.Min(row.Values[i], values[place]);
    }

    /// <summary>Adds <c>Σ vⱼ wⱼ</c> of a row v and every row w to the sums, in the order of the columns.</summary>
    public void AddProducts(SparseRow row, Span<double> sums)
    {
        for (var i = 0; i < row.Columns.Length; i++)
            for (var place = starts[row.Columns[i]]; place < starts[row.Columns[i] + 1]; place++)
                sums[rows[place]] += row.Values[i] * values[place];
    }
}
