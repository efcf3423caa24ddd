using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace MetricLearning.Search;

/// <summary>Collects the values of the records of a block, by property.</summary>
/// <remarks>A property is stored as one number of 16 bits for each record, followed by a JSON array of the different values. A property
/// that no record of the block has is not stored. If the values of a property are too long, its bytes are empty, and filters read the
/// records.</remarks>
internal sealed class BlockValues
{
    /// <summary>The name under which the keys are stored. Every block with stored values has it.</summary>
    public const string Key = "";

    /// <summary>The largest number of bytes for each record.</summary>
    private const int MostBytes = 128;

    private readonly Dictionary<string, Column> columns = [];
    private int count;

    /// <summary>Adds a record.</summary>
    /// <param name="key">Its key, as SQLite stores it.</param>
    /// <param name="data">Its values as JSON, as <see cref="RecordJson"/> writes them.</param>
    public void Add(object key, ReadOnlySpan<byte> data)
    {
        Put(Key, key is string text ? $"\"{JsonEncodedText.Encode(text)}\"" : ((long)key).ToString(CultureInfo.InvariantCulture));
        var reader = new Utf8JsonReader(data);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var property = reader.GetString()!;
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            Put(property, Encoding.UTF8.GetString(data[start..(int)reader.BytesConsumed]));
        }
        count++;
    }

    /// <summary>The properties, each with its bytes; empty if the values are too long.</summary>
    public IEnumerable<(string Property, byte[] Bytes)> Columns => columns.Select(pair => (pair.Key, pair.Value.Bytes(count)));

    /// <summary>The numbers of the values of a block.</summary>
    /// <param name="bytes">The bytes of a property, not empty.</param>
    /// <param name="rows">The number of records of the block.</param>
    public static ReadOnlySpan<ushort> Codes(ReadOnlySpan<byte> bytes, int rows) =>
        MemoryMarshal.Cast<byte, ushort>(bytes[..(rows * sizeof(ushort))]);

    /// <summary>The different values of a block.</summary>
    /// <param name="bytes">The bytes of a property, not empty.</param>
    /// <param name="rows">The number of records of the block.</param>
    public static JsonDocument Values(byte[] bytes, int rows) => JsonDocument.Parse(bytes.AsMemory(rows * sizeof(ushort)));

    private void Put(string property, string text)
    {
        if (!columns.TryGetValue(property, out var column)) columns.Add(property, column = new Column());
        column.Put(count, text);
    }

    private sealed class Column
    {
        private const string Absent = "null";

        private readonly Dictionary<string, ushort> numbers = new(StringComparer.Ordinal) { [Absent] = 0 };
        private readonly List<string> texts = [Absent];
        private readonly List<ushort> codes = [];

        public void Put(int row, string text)
        {
            Fill(row);
            if (!numbers.TryGetValue(text, out var number))
            {
                numbers.Add(text, number = (ushort)texts.Count);
                texts.Add(text);
            }
            codes.Add(number);
        }

        public byte[] Bytes(int rows)
        {
            Fill(rows);
            var buffer = new ArrayBufferWriter<byte>();
            buffer.Write(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(codes)));
            buffer.Write(Encoding.UTF8.GetBytes($"[{string.Join(',', texts)}]"));
            return buffer.WrittenCount > (long)rows * MostBytes ? [] : buffer.WrittenSpan.ToArray();
        }

        private void Fill(int rows)
        {
            while (codes.Count < rows) codes.Add(0);
        }
    }
}
