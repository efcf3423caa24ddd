using System.Buffers.Binary;
using System.Text;

namespace MetricLearning;

/// <summary>Writes a pickle of protocol 2 to a stream, instruction by instruction.</summary>
internal sealed class PickleWriter
{
    private readonly Stream stream;

    public PickleWriter(Stream stream)
    {
        this.stream = stream;
        stream.Write([0x80, 2]);
    }

    /// <summary>Instructions without an argument.</summary>
    public void Code(params ReadOnlySpan<char> codes)
    {
        foreach (var code in codes) stream.WriteByte((byte)code);
    }

    public void False() => stream.WriteByte(0x89);

    /// <summary>A name in a module of Python.</summary>
    public void Global(string module, string name) => stream.Write(Encoding.ASCII.GetBytes($"c{module}\n{name}\n"));

    /// <summary>An empty dictionary.</summary>
    public void OrderedDict()
    {
        Global("collections", "OrderedDict");
        Code(')', 'R');
    }

    public void Text(string text)
    {
        var encoded = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, encoded.Length);
        Code('X');
        stream.Write(length);
        stream.Write(encoded);
    }

    public void Integer(long value)
    {
        Span<byte> encoded = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(encoded, value);
        if (value <= int.MaxValue)
        {
            Code('J');
            stream.Write(encoded[..4]);
        }
        else
        {
            stream.Write([0x8a, 8]);
            stream.Write(encoded);
        }
    }

    public void Tuple(long[] values)
    {
        Code('(');
        foreach (var value in values) Integer(value);
        Code('t');
    }
}
