using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Reads and writes the memory of tensors as little-endian bytes.</summary>
internal static class RawTensor
{
    /// <summary>The largest number of dimensions of a tensor in a file; NumPy and PyTorch have the same limit.</summary>
    public const int MostDimensions = 64;

    private const long ChunkElements = 1 << 24;

    /// <summary>The number of bytes of an element, for the types that weights files hold; 0 for any other.</summary>
    public static int ElementSize(ScalarType type) => type switch
    {
        ScalarType.Byte or ScalarType.Int8 or ScalarType.Bool => 1,
        ScalarType.Int16 or ScalarType.Float16 or ScalarType.BFloat16 => 2,
        ScalarType.Int32 or ScalarType.Float32 => 4,
        ScalarType.Int64 or ScalarType.Float64 => 8,
        _ => 0,
    };

    /// <summary>Reads a new tensor [count] from the stream. It belongs to no dispose scope. The caller has checked that the stream has the
    /// bytes.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="count">The number of elements.</param>
    /// <param name="type">Their type.</param>
    /// <param name="name">Begins the message of an error.</param>
    /// <exception cref="InvalidDataException">Bytes of booleans are neither 0 nor 1.</exception>
    public static Tensor Read(Stream stream, long count, ScalarType type, string name = "A tensor")
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException(
            "Weights files are little-endian, so the machine must be too.");
        var result = empty([count], type).DetachFromDisposeScope();
        try
        {
            for (long start = 0; start < count; start += ChunkElements)
            {
                using var chunk = result.narrow(0, start, Math.Min(ChunkElements, count - start));
                var bytes = chunk.bytes;
                stream.ReadExactly(bytes);
                if (type == ScalarType.Bool && bytes.ContainsAnyExceptInRange((byte)0, (byte)1))
                    throw new InvalidDataException($"{name} is of type bool and holds bytes other than 0 and 1.");
            }
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>The checksum of a contiguous tensor's bytes.</summary>
    public static uint Checksum(Tensor tensor)
    {
        var count = tensor.numel();
        var remainder = uint.MaxValue;
        for (long start = 0; start < count; start += ChunkElements)
        {
            using var chunk = tensor.narrow(0, start, Math.Min(ChunkElements, count - start));
            remainder = Crc32.Continue(remainder, chunk.bytes);
        }
        return ~remainder;
    }

    /// <summary>Writes the elements in order, for any strides and device.</summary>
    public static void Write(Stream stream, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var flat = tensor.detach().cpu().contiguous().reshape(-1);
        var count = flat.numel();
        for (long start = 0; start < count; start += ChunkElements)
        {
            using var chunk = flat.narrow(0, start, Math.Min(ChunkElements, count - start));
            stream.Write(chunk.bytes);
        }
    }

    /// <summary>The number of elements of a shape; null if a size is negative, the product does not fit, or there are more than 64
    /// dimensions.</summary>
    public static long? Count(IReadOnlyList<long> shape)
    {
        // A size of zero makes the product zero, but the product of the other sizes must still fit.
        if (shape.Count > MostDimensions) return null;
        long count = 1;
        foreach (var size in shape)
        {
            if (size < 0) return null;
            if (size != 0 && count > long.MaxValue / 8 / size) return null;
            count *= Math.Max(size, 1);
        }
        return shape.Contains(0) ? 0 : count;
    }
}
