using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace MetricLearning.Onnx;

/// <summary>A protobuf message that is built field by field. Its length is known before it is written, because an outer message needs it.
/// Large contents are produced only when the message is written.</summary>
internal sealed class ProtoMessage
{
    private const int VarintType = 0, LengthType = 2, Fixed32Type = 5;

    private readonly List<Action<Stream>> parts = [];
    private ArrayBufferWriter<byte>? small;

    /// <summary>The number of bytes.</summary>
    public long Length { get; private set; }

    /// <summary>Adds an integer or an enum.</summary>
    public ProtoMessage Add(int field, long value)
    {
        Key(field, VarintType);
        Varint((ulong)value);
        return this;
    }

    /// <summary>Adds a float.</summary>
    public ProtoMessage Add(int field, float value)
    {
        Key(field, Fixed32Type);
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        Bytes(bytes);
        return this;
    }

    /// <summary>Adds a text.</summary>
    public ProtoMessage Add(int field, string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        Key(field, LengthType);
        Varint((ulong)bytes.Length);
        Bytes(bytes);
        return this;
    }

    /// <summary>Adds an inner message, which must be complete.</summary>
    public ProtoMessage Add(int field, ProtoMessage value) => Add(field, value.Length, value.WriteTo);

    /// <summary>Adds bytes that are written later.</summary>
    public ProtoMessage Add(int field, long length, Action<Stream> write)
    {
        Key(field, LengthType);
        Varint((ulong)length);
        small = null;
        parts.Add(write);
        Length += length;
        return this;
    }

    /// <summary>Writes the message.</summary>
    public void WriteTo(Stream stream)
    {
        foreach (var write in parts) write(stream);
    }

    private void Key(int field, int type) => Varint((ulong)(field << 3 | type));

    private void Varint(ulong value)
    {
        Span<byte> bytes = stackalloc byte[10];
        var count = 0;
        for (; value > 127; value >>= 7) bytes[count++] = (byte)(value | 128);
        bytes[count++] = (byte)value;
        Bytes(bytes[..count]);
    }

    private void Bytes(ReadOnlySpan<byte> bytes)
    {
        if (small is null)
        {
            var buffer = small = new();
            parts.Add(stream => stream.Write(buffer.WrittenSpan));
        }
        small.Write(bytes);
        Length += bytes.Length;
    }
}
