using Microsoft.Data.Sqlite;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>Finds the rows of a packed file whose records a filter keeps. It uses the values that are stored by property, and does not read
/// the records. It calls the filter once for each combination of values.</summary>
/// <remarks>Thread safety: any number of threads may call it at once.</remarks>
/// <param name="model">The type of records.</param>
/// <param name="rows">Rows of a block.</param>
internal sealed class FilterColumns<TKey, TRecord>(RecordModel<TKey, TRecord> model, int rows) where TKey : notnull where TRecord : class
{
    /// <summary>The largest number of combinations whose answers fit into an array.</summary>
    private const long MostAnswers = 1 << 20;

    private readonly object gate = new();
    private readonly Dictionary<string, FilterColumn> columns = new(StringComparer.Ordinal);
    private long file;

    /// <summary>The rows whose records a filter keeps, ascending; null for all.</summary>
    /// <param name="opened">The connection.</param>
    /// <param name="state">The state of the packed vectors; it has a file.</param>
    /// <param name="condition">The filter.</param>
    /// <param name="read">Finds the rows of a block by reading the records. It is called if the values of the block were not
    /// stored.</param>
    /// <exception cref="DamagedFileException">The stored values are damaged.</exception>
    public int[]? Kept(SqliteConnection opened, PackedState state, RecordCondition<TRecord> condition, Func<int, IEnumerable<int>> read)
    {
        var blocks = state.File!.Rows / rows;
        if (condition.Uses.Count == 0) return condition.Keeps(model.Create()) ? null : [];
        IEnumerator<ValueBlock?>[] readers;
        Func<ValueBlock[], int, bool>? answers;
        lock (gate)
        {
            FilterColumn[] used = [.. condition.Uses.Select(property => Loaded(opened, state.FileNumber, property, blocks))];
            readers = Array.ConvertAll(used, column => column.Blocks(opened, blocks).GetEnumerator());
            answers = Array.Exists(used, column => column.IsWide) ? null : Answers(used.Select(column => column.Count));
        }
        try
        {
            var kept = new List<int>();
            for (var block = 0; block < blocks; block++)
            {
                var parts = Array.ConvertAll(readers, reader => reader.MoveNext() ? reader.Current : null);
                if (Array.Exists(parts, part => part is null)) kept.AddRange(read(block));
                else
                {
                    var values = Array.ConvertAll(parts, part => part!.Value);
                    var answer = answers ?? Answers(values.Select(part => part.Values.Length));
                    for (var row = 0; row < rows; row++)
                        if (answer(values, row)) kept.Add(block * rows + row);
                }
            }
            return [.. kept];
        }
        finally
        {
            foreach (var reader in readers) reader.Dispose();
        }

        // Calls the filter, and remembers its answer for each combination of values.
        Func<ValueBlock[], int, bool> Answers(IEnumerable<int> counts)
        {
            int[] sizes = [.. counts];
            var all = sizes.Aggregate(UInt128.One, (product, size) =>
                product > long.MaxValue ? product : product * (uint)Math.Max(1, size));
            // 64 bits would give two combinations one number.
            if (all > long.MaxValue) return Ask;
            var (few, many) = (all <= MostAnswers ? new sbyte[(int)all] : null, new Dictionary<long, bool>());
            return (values, row) =>
            {
                var place = 0L;
                for (var i = 0; i < values.Length; i++) place = place * sizes[i] + values[i].Codes[row];
                if (few is not null) return (few[place] != 0 ? few[place] : few[place] = (sbyte)(Ask(values, row) ? 1 : -1)) > 0;
                if (!many.TryGetValue(place, out var answer)) many.Add(place, answer = Ask(values, row));
                return answer;
            };
        }

        bool Ask(ValueBlock[] values, int row)
        {
            // Setting a property to null may keep the old value, so each call gets a new record.
            var record = model.Create();
            for (var i = 0; i < values.Length; i++)
                condition.Uses[i].SetValueAsObject(record, values[i].Values[values[i].Codes[row]]);
            return condition.Keeps(record);
        }
    }

    private FilterColumn Loaded(SqliteConnection opened, long number, PropertyModel property, int blocks)
    {
        if (file != number)
        {
            columns.Clear();
            file = number;
        }
        if (!columns.TryGetValue(property.ModelName, out var column))
            columns.Add(property.ModelName, column = new FilterColumn(property, number, rows));
        column.Load(opened, blocks);
        return column;
    }
}
