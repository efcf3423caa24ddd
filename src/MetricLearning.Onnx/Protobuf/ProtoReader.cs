using System.Buffers.Binary;
using System.Text;

namespace MetricLearning.Onnx;

/// <summary>Reads the fields of a protobuf message, one after another. Every length is checked against the end of the message before it is
/// used.</summary>
/// <param name="stream">The stream, at the message's first byte.</param>
/// <param name="end">The position in the stream at which the message ends.</param>
/// <param name="budget">The memory that the whole file may take.</param>
internal sealed class ProtoReader(Stream stream, long end, MemoryBudget budget)
{
    private enum WireType
    {
        Varint = 0,
        Fixed64 = 1,
        Length = 2,
        Fixed32 = 5,
    }

    private WireType type;

    /// <summary>The number of the field that was read last.</summary>
    public int Field { get; private set; }

    /// <summary>Goes to the next field; false at the end of the message. The value of the previous field must have been read or
    /// skipped.</summary>
    public bool Next()
    {
        if (stream.Position == end) return false;
        var key = Varint();
        (Field, type) = ((int)Math.Min(key >> 3, int.MaxValue), (WireType)(key & 7));
        if (Field == 0 || !Enum.IsDefined(type)) throw Damaged($"a field {key >> 3} of type {key & 7}, which does not exist");
        return true;
    }

    /// <summary>Reads the value of an integer field.</summary>
    public long Integer()
    {
        Expect(WireType.Varint);
        return (long)Varint();
    }

    /// <summary>Reads the values of a repeated integer field: packed values, or a single one.</summary>
    public IEnumerable<long> Integers()
    {
        if (type == WireType.Varint)
        {
            budget.Spend(sizeof(long));
            yield return (long)Varint();
            yield break;
        }
        var stop = stream.Position + Length();
        while (stream.Position < stop)
        {
            budget.Spend(sizeof(long));
            yield return (long)Varint();
        }
        if (stream.Position != stop) throw Damaged("integers that do not end with their field");
    }

    /// <summary>Reads the value of a float field.</summary>
    public float Number()
    {
        Expect(WireType.Fixed32);
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        Read(bytes);
        return BinaryPrimitives.ReadSingleLittleEndian(bytes);
    }

    /// <summary>Reads the value of a text field.</summary>
    public string Text()
    {
        var length = Length();
        budget.Spend(2 * sizeof(char) * length);
        var bytes = new byte[length];
        Read(bytes);
        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>Skips the bytes of a field and returns their position in the stream: bytes or packed numbers, or a single float or
    /// double.</summary>
    public (long Offset, long Length) Bytes()
    {
        budget.Spend(2 * sizeof(long));
        var length = type switch
        {
            WireType.Fixed64 => sizeof(double),
            WireType.Fixed32 => sizeof(float),
            _ => Length(),
        };
        if (length > end - stream.Position) throw Damaged("a value that is longer than its message");
        var offset = stream.Position;
        stream.Position += length;
        return (offset, length);
    }

    /// <summary>Reads the message in a field.</summary>
    public T Message<T>(Func<ProtoReader, T> read)
    {
        const int objects = 256;    // even a short message becomes objects that take some memory
        var length = Length();
        budget.Spend(objects);
        var stop = stream.Position + length;
        var result = read(new ProtoReader(stream, stop, budget));
        stream.Position = stop;
        return result;
    }

    /// <summary>Skips a value.</summary>
    public void Skip()
    {
        var length = type switch
        {
            WireType.Fixed64 => 8,
            WireType.Fixed32 => 4,
            WireType.Length => Length(),
            _ => 0,
        };
        if (type == WireType.Varint) Varint();
        if (length > end - stream.Position) throw Damaged("a value that is longer than its message");
        stream.Position += length;
    }

    private long Length()
    {
        Expect(WireType.Length);
        var length = Varint();
        return length <= (ulong)(end - stream.Position) ? (long)length
            : throw Damaged($"a length of {length} bytes where {end - stream.Position} are left");
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = stream.Position < end ? stream.ReadByte() : -1;
            if (next < 0) throw Damaged("an integer that is cut off");
            value |= (ulong)(next & 127) << shift;
            if (next < 128) return value;
        }
        throw Damaged("an integer of more than 64 bits");
    }

    private void Read(Span<byte> bytes)
    {
        if (bytes.Length > end - stream.Position) throw Damaged("a value that is longer than its message");
        stream.ReadExactly(bytes);
    }

    private void Expect(WireType expected)
    {
        if (type != expected) throw Damaged($"a field {Field} of type {type} instead of {expected}");
    }

    private InvalidDataException Damaged(string what) =>
        new($"It is not an ONNX file, or it is damaged: at byte {stream.Position} there is {what}.");
}
