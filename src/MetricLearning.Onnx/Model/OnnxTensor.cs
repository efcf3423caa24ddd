using System.Buffers.Binary;
using static TorchSharp.torch;

namespace MetricLearning.Onnx;

/// <summary>A tensor of a file: its name, type and shape, and where its values are.</summary>
internal sealed class OnnxTensor
{
    /// <summary>The name; empty for the value of a constant node.</summary>
    public string Name { get; set; } = "";

    /// <summary>The number of the type in <see cref="OnnxTypes"/>.</summary>
    public long Type { get; set; }

    /// <summary>The sizes.</summary>
    public List<long> Shape { get; } = [];

    /// <summary>The positions of the values as little-endian bytes: mostly one part, but a file may have one part for each value. Empty if
    /// they are in <see cref="Values"/>.</summary>
    public List<(long Offset, long Length)> Bytes { get; } = [];

    /// <summary>Values that are stored as integers. A float16 value is stored as its bits.</summary>
    public List<long> Values { get; } = [];

    /// <summary>Whether the values are in another file.</summary>
    public bool IsExternal { get; set; }

    /// <summary>Whether the values are floating-point numbers that TorchSharp has.</summary>
    public bool IsFloatingPoint => OnnxTypes.TypeOf(Type) is ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32
        or ScalarType.Float64;

    /// <summary>Reads the tensor. It belongs to no dispose scope.</summary>
    /// <exception cref="InvalidDataException">The tensor is damaged, has a type that TorchSharp does not have, or is in another
    /// file.</exception>
    public Tensor Read(Stream stream)
    {
        if (IsExternal) throw new InvalidDataException(
            $"The values of tensor '{Name}' are in another file, which is not supported: save the network as one file.");
        var type = OnnxTypes.TypeOf(Type)
            ?? throw new InvalidDataException($"The tensor '{Name}' has the ONNX type {Type}, which TorchSharp does not have.");
        var count = RawTensor.Count(Shape) ?? throw new InvalidDataException($"The tensor '{Name}' has an impossible shape {Text()}.");
        var size = RawTensor.ElementSize(type);
        if (Bytes.Count == 0) return FromValues(type, count);
        var length = Bytes.Sum(part => part.Length);
        if (length % size != 0 || length / size != count)
            throw new InvalidDataException($"The tensor '{Name}' {Text()} of {type} has {length} bytes.");
        var source = Bytes.Count == 1 ? At(stream, Bytes[0]) : Joined(stream, length);
        using var flat = RawTensor.Read(source, count, type, $"The tensor '{Name}'");
        return flat.reshape([.. Shape]).DetachFromDisposeScope();
    }

    private static Stream At(Stream stream, (long Offset, long Length) part)
    {
        stream.Position = part.Offset;
        return stream;
    }

    private MemoryStream Joined(Stream stream, long length)
    {
        var bytes = new byte[length];
        var place = 0;
        foreach (var part in Bytes)
        {
            At(stream, part).ReadExactly(bytes, place, (int)part.Length);
            place += (int)part.Length;
        }
        return new MemoryStream(bytes);
    }

    private Tensor FromValues(ScalarType type, long count)
    {
        if (Values.Count != count || (count > 0 && type is ScalarType.Float32 or ScalarType.Float64))
            throw new InvalidDataException($"The tensor '{Name}' {Text()} of {type} has {Values.Count} values.");
        using var scope = NewDisposeScope();
        var made = type is ScalarType.Float16 or ScalarType.BFloat16 ? empty([count], type) : tensor(Values.ToArray()).to(type);
        if (made.is_floating_point())
            for (var i = 0; i < count; i++)
                BinaryPrimitives.WriteInt16LittleEndian(made.bytes[(i * sizeof(short))..], (short)Values[i]);
        return made.reshape([.. Shape]).DetachFromDisposeScope();
    }

    private string Text() => $"[{MessageText.Some(Shape)}]";
}
