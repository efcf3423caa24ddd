using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>Writes and reads the values of a record as JSON, each under its storage name. Null values are left out.</summary>
internal static class RecordJson
{
    private const string Clock = "yyyy-MM-ddTHH:mm:ss.fffffff";

    private const int ClockLength = 27;

    /// <summary>Writes a record's data as JSON.</summary>
    public static byte[] Write(IEnumerable<DataPropertyModel> properties, object record)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var property in properties)
                if (property.GetValueAsObject(record) is { } value)
                {
                    writer.WritePropertyName(property.StorageName);
                    Write(writer, value);
                }
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Sets a record's data from JSON.</summary>
    public static void Read(byte[] json, IEnumerable<DataPropertyModel> properties, object record)
    {
        using var document = JsonDocument.Parse(json);
        foreach (var property in properties)
            property.SetValueAsObject(record, document.RootElement.TryGetProperty(property.StorageName, out var value)
                ? Value(value, property) : null);
    }

    /// <summary>The value of a property.</summary>
    public static object? Value(JsonElement value, PropertyModel property) =>
        Read(value, Nullable.GetUnderlyingType(property.Type) ?? property.Type);

    private static void Write(Utf8JsonWriter writer, object value)
    {
        switch (value)
        {
            case bool given: writer.WriteBooleanValue(given); break;
            case byte or short or int or long: writer.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture)); break;
            case ulong given: writer.WriteNumberValue(given); break;
            case decimal given: writer.WriteNumberValue(given); break;
            case byte[] given: writer.WriteBase64StringValue(given); break;
            case System.Collections.IEnumerable list and not string:
                writer.WriteStartArray();
                foreach (var item in list)
                    if (item is null) writer.WriteNullValue();
                    else Write(writer, item);
                writer.WriteEndArray();
                break;
            default: writer.WriteStringValue(Text(value)); break;
        }
    }

    /// <summary>Writes a value as text that reads back as the same value.</summary>
    private static string Text(object value) => value switch
    {
        float or double => ((IFormattable)value).ToString("R", CultureInfo.InvariantCulture),
        DateTime or DateTimeOffset or DateOnly or TimeOnly => ((IFormattable)value).ToString("O", CultureInfo.InvariantCulture),
        TimeSpan span => span.ToString("c", CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };

    private static object? Read(JsonElement value, Type type)
    {
        if (value.ValueKind == JsonValueKind.Null) return null;
        if (type == typeof(bool)) return value.GetBoolean();
        if (type == typeof(byte)) return value.GetByte();
        if (type == typeof(short)) return value.GetInt16();
        if (type == typeof(int)) return value.GetInt32();
        if (type == typeof(long)) return value.GetInt64();
        if (type == typeof(ulong)) return value.GetUInt64();
        if (type == typeof(decimal)) return value.GetDecimal();
        if (type == typeof(byte[])) return value.GetBytesFromBase64();
        if (type == typeof(string[])) return value.EnumerateArray().Select(item => item.GetString()!).ToArray();
        if (type == typeof(List<string>)) return value.EnumerateArray().Select(item => item.GetString()!).ToList();
        if (type == typeof(int[])) return value.EnumerateArray().Select(item => item.GetInt32()).ToArray();
        if (type == typeof(List<int>)) return value.EnumerateArray().Select(item => item.GetInt32()).ToList();
        if (type == typeof(long[])) return value.EnumerateArray().Select(item => item.GetInt64()).ToArray();
        if (type == typeof(List<long>)) return value.EnumerateArray().Select(item => item.GetInt64()).ToList();
        var (text, culture) = (value.GetString()!, CultureInfo.InvariantCulture);
        return type == typeof(string) ? text
            : type == typeof(float) ? float.Parse(text, culture)
            : type == typeof(double) ? double.Parse(text, culture)
            : type == typeof(Guid) ? Guid.Parse(text)
            : type == typeof(DateTime) ? Time(text)
            : type == typeof(DateTimeOffset) ? DateTimeOffset.Parse(text, culture)
            : type == typeof(DateOnly) ? DateOnly.Parse(text, culture)
            : type == typeof(TimeOnly) ? TimeOnly.Parse(text, culture)
            : TimeSpan.Parse(text, culture);
    }

    /// <summary>Reads the time that <see cref="Text"/> wrote: the time on the clock, then Z for UTC or the offset of a local time. The
    /// offset is ignored. So a local time stays the same in another time zone, even if clocks there skip it.</summary>
    private static DateTime Time(string text)
    {
        var end = Math.Min(text.Length, ClockLength);
        return DateTime.SpecifyKind(DateTime.ParseExact(text.AsSpan(0, end), Clock, CultureInfo.InvariantCulture),
            text.Length == end ? DateTimeKind.Unspecified : text[^1] == 'Z' ? DateTimeKind.Utc : DateTimeKind.Local);
    }
}
