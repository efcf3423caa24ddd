using System.Buffers.Binary;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The format of numbers in a file of another system: floating-point (<c>f</c>), signed (<c>i</c>), unsigned (<c>u</c>) or logical
/// (<c>b</c>), with their size in bytes and their byte order.</summary>
internal readonly record struct StoredNumbers(char Kind, int Size, bool BigEndian)
{
    private const long ChunkElements = 1 << 24;

    /// <summary>The type of the tensor that holds them. Unsigned numbers of two and four bytes need the next wider type. Null if there is
    /// none.</summary>
    public ScalarType? Type => (Kind, Size) switch
    {
        ('u', 2) => ScalarType.Int32,
        ('u', 4) => ScalarType.Int64,
        _ => Raw,
    };

    /// <summary>The type of the same bytes; unsigned numbers are read as signed ones.</summary>
    private ScalarType? Raw => (Kind, Size) switch
    {
        ('f', 2) => ScalarType.Float16,
        ('f', 4) => ScalarType.Float32,
        ('f', 8) => ScalarType.Float64,
        ('i', 1) => ScalarType.Int8,
        ('u', 1) => ScalarType.Byte,
        ('b', 1) => ScalarType.Bool,
        ('i' or 'u', 2) => ScalarType.Int16,
        ('i' or 'u', 4) => ScalarType.Int32,
        ('i' or 'u', 8) => ScalarType.Int64,
        _ => null,
    };

    /// <summary>The number of bytes of a tensor with this number of elements.</summary>
    public Int128 BytesOf(long count) => (Int128)count * RawTensor.ElementSize(Type!.Value);

    /// <summary>Reads a new contiguous tensor of the shape. The caller has checked that the stream has the bytes.</summary>
    /// <param name="stream">The stream, at the first number.</param>
    /// <param name="shape">The shape, which <see cref="RawTensor.Count"/> accepts.</param>
    /// <param name="columnMajor">Whether the first index varies fastest.</param>
    /// <exception cref="InvalidDataException">An unsigned number of eight bytes does not fit in int64.</exception>
    public Tensor Read(Stream stream, long[] shape, bool columnMajor) => TryRead(stream, shape, columnMajor)
        ?? throw new InvalidDataException("An unsigned number of 64 bits is larger than int64 holds.");

    /// <summary>Reads the same tensor; null if an unsigned number of eight bytes does not fit in int64.</summary>
    public Tensor? TryRead(Stream stream, long[] shape, bool columnMajor)
    {
        using var scope = NewDisposeScope();
        var numbers = RawTensor.Read(stream, RawTensor.Count(shape)!.Value, Raw!.Value);
        scope.Attach(numbers);
        if (BigEndian) Reverse(numbers);
        if (Kind == 'u' && Size == 8 && numbers.numel() > 0 && numbers.min().item<long>() < 0) return null;
        if (Type != Raw)
        {
            using var narrow = numbers;
            numbers = narrow.to(Type!.Value);
            numbers.remainder_(S(1L << (8 * Size)));
        }
        numbers = columnMajor
            ? numbers.reshape([.. Enumerable.Reverse(shape)])
                .permute([.. Enumerable.Range(0, shape.Length).Reverse().Select(dimension => (long)dimension)]).contiguous()
            : numbers.reshape(shape);
        return numbers.MoveToOuterDisposeScope();
    }

    private void Reverse(Tensor numbers)
    {
        for (long start = 0; start < numbers.numel() && Size > 1; start += ChunkElements)
        {
            using var chunk = numbers.narrow(0, start, Math.Min(ChunkElements, numbers.numel() - start));
            var bytes = chunk.bytes;
            if (Size == 2) Swap<short>(bytes, BinaryPrimitives.ReverseEndianness);
            else if (Size == 4) Swap<int>(bytes, BinaryPrimitives.ReverseEndianness);
            else Swap<long>(bytes, BinaryPrimitives.ReverseEndianness);
        }

        static void Swap<T>(Span<byte> bytes, Func<T, T> reversed) where T : unmanaged
        {
            foreach (ref var number in MemoryMarshal.Cast<byte, T>(bytes)) number = reversed(number);
        }
    }
}
