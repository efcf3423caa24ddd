using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>The values of a property in one block: a number for each row, and the value of each number.</summary>
internal readonly record struct ValueBlock(int[] Codes, object?[] Values);

/// <summary>The values of a property in the blocks of a packed file. If there are few different values, they stay in memory; otherwise each
/// search reads them.</summary>
/// <param name="property">The property.</param>
/// <param name="file">The number of the file.</param>
/// <param name="rows">Rows of a block.</param>
internal sealed class FilterColumn(PropertyModel property, long file, int rows)
{
    /// <summary>The largest number of different values in memory.</summary>
    private const int MostValues = 1 << 16;

    private readonly Dictionary<string, int> numbers = new(StringComparer.Ordinal);
    private readonly List<object?> values = [];
    private readonly List<int[]?> blocks = [];
    private object?[] known = [];

    /// <summary>Whether there are too many different values to keep them in memory.</summary>
    public bool IsWide { get; private set; }

    /// <summary>The number of different values in memory.</summary>
    public int Count => known.Length;

    /// <summary>Reads the blocks that are not in memory yet. One thread at a time.</summary>
    /// <param name="opened">The connection.</param>
    /// <param name="count">The number of blocks.</param>
    public void Load(SqliteConnection opened, int count)
    {
        if (IsWide || blocks.Count >= count) return;
        foreach (var read in Read(opened, blocks.Count, count))
        {
            blocks.Add(read is { } bytes ? Numbered(bytes) : null);
            if (values.Count <= MostValues) continue;
            IsWide = true;
            numbers.Clear();
            values.Clear();
            blocks.Clear();
            break;
        }
        known = [.. values];
    }

    /// <summary>The blocks that the last loading read; null for a block whose values were not stored.</summary>
    /// <param name="opened">The connection.</param>
    /// <param name="count">The number of blocks.</param>
    public IEnumerable<ValueBlock?> Blocks(SqliteConnection opened, int count)
    {
        if (IsWide) return Read(opened, 0, count).Select(bytes => bytes is null ? (ValueBlock?)null : Decoded(bytes));
        // The blocks are read later, when another thread may load more of them, so they take the values as they are now.
        var now = known;
        return blocks.Take(count).ToArray().Select(codes => codes is null ? (ValueBlock?)null : new ValueBlock(codes, now));
    }

    /// <summary>The bytes of each block: empty if no row has the property, null if they were not stored.</summary>
    private IEnumerable<byte[]?> Read(SqliteConnection opened, int first, int count)
    {
        var name = property is KeyPropertyModel ? BlockValues.Key : property.StorageName;
        using var command = ValueEntry.From(opened, file, name, first);
        using var keys = ValueEntry.Numbers(opened, file, first);
        using var reader = command.ExecuteReader();
        using var there = keys.ExecuteReader();
        var (next, kept) = (Next(reader), Next(there));
        for (var block = first; block < count; block++)
        {
            var bytes = next == block ? reader.GetFieldValue<byte[]>(1) : null;
            // If no record of a block has the property, the block has no entry for it. It still has an entry for the keys.
            yield return bytes is not null ? bytes.Length == 0 ? null : bytes : kept == block ? [] : null;
            if (next == block) next = Next(reader);
            if (kept == block) kept = Next(there);
        }

        static int Next(SqliteDataReader reader) => reader.Read() ? reader.GetInt32(0) : int.MaxValue;
    }

    private int[] Numbered(byte[] bytes)
    {
        var own = new List<int>();
        return Codes(bytes, element =>
        {
            var text = element?.GetRawText() ?? "null";
            if (!numbers.TryGetValue(text, out var number))
            {
                numbers.Add(text, number = values.Count);
                values.Add(Value(element));
            }
            own.Add(number);
        }, local => own[local]);
    }

    private ValueBlock Decoded(byte[] bytes)
    {
        var own = new List<object?>();
        return new(Codes(bytes, element => own.Add(Value(element)), local => local), [.. own]);
    }

    /// <summary>The numbers of a block's rows.</summary>
    /// <param name="bytes">The bytes of the block.</param>
    /// <param name="see">Receives each value of the block.</param>
    /// <param name="number">The number of a value of the block.</param>
    private int[] Codes(byte[] bytes, Action<JsonElement?> see, Func<int, int> number)
    {
        var codes = new int[rows];
        if (bytes.Length == 0)
        {
            see(null);
            Array.Fill(codes, number(0));
            return codes;
        }
        try
        {
            using var document = BlockValues.Values(bytes, rows);
            foreach (var element in document.RootElement.EnumerateArray()) see(element);
            var local = BlockValues.Codes(bytes, rows);
            var map = new int[document.RootElement.GetArrayLength()];
            for (var i = 0; i < map.Length; i++) map[i] = number(i);
            for (var row = 0; row < rows; row++) codes[row] = map[local[row]];
            return codes;
        }
        catch (Exception e) when (e is JsonException or IndexOutOfRangeException or ArgumentException or InvalidOperationException
            or FormatException)
        {
            throw new DamagedFileException(file);       // a damaged file is packed again
        }
    }

    private object? Value(JsonElement? element) => element is not { ValueKind: not JsonValueKind.Null } value ? null
        : property is KeyPropertyModel
            ? StoredKey.Read(value.ValueKind == JsonValueKind.Number ? value.GetInt64() : value.GetString()!, property.Type)
            : RecordJson.Value(value, property);
}
