using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>An open <see cref="ExtractionJournal"/>: a fingerprint, then a record a batch.</summary>
internal sealed class JournalFile : IDisposable
{
    private const int HeadLength = 4 * sizeof(int);
    private readonly FileStream stream;

    public JournalFile(string path, byte[] fingerprint)
    {
        stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        try
        {
            byte[] start = [.. "features 1\n"u8, .. fingerprint];
            var found = new byte[start.Length];
            if (stream.ReadAtLeast(found, found.Length, throwOnEndOfStream: false) < found.Length)
            {
                // It was stopped before there was anything in it.
                stream.SetLength(0);
                stream.Write(start);
            }
            else if (!found.AsSpan().SequenceEqual(start))
            {
                throw new InvalidDataException(
                    $"{path} is no journal of this extraction: pictures, batch size or what the features depend on are others. Delete it "
                        + $"to begin anew.");
            }
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The whole batches; what is behind them, written half when the program stopped, is cut off.</summary>
    /// <returns>The rows' pictures, their features [n, D] in no dispose scope, which the caller disposes, and how many pictures were done
    /// then.</returns>
    public IEnumerable<(int[] Indices, Tensor Features, int End)> Restore()
    {
        while (true)
        {
            var begin = stream.Position;
            if (Next() is not { } record)
            {
                stream.SetLength(begin);
                stream.Position = begin;
                yield break;
            }
            yield return record;
        }
    }

    public void Append(IReadOnlyList<int> indices, Tensor features, int end)
    {
        using var bytes = new MemoryStream();
        int[] head = [indices.Count, (int)features.size(1), (int)features.dtype, end];
        bytes.Write(MemoryMarshal.AsBytes(head.AsSpan()));
        bytes.Write(MemoryMarshal.AsBytes(indices.ToArray().AsSpan()));
        RawTensor.Write(bytes, features);
        var record = bytes.GetBuffer().AsSpan(0, (int)bytes.Length);
        stream.Write(record);
        stream.Write(BitConverter.GetBytes(Crc32.Of(record)));
        stream.Flush();
    }

    public void Dispose() => stream.Dispose();

    private (int[] Indices, Tensor Features, int End)? Next()
    {
        Span<int> head = stackalloc int[4];
        if (stream.Length - stream.Position < HeadLength) return null;
        stream.ReadExactly(MemoryMarshal.AsBytes(head));
        var (rows, width, type, end) = (head[0], head[1], (ScalarType)(sbyte)head[2], head[3]);
        var size = RawTensor.ElementSize(type);
        if (rows < 1 || width < 1 || size == 0 || (long)rows * width > int.MaxValue) return null;
        var length = HeadLength + (long)rows * sizeof(int) + (long)rows * width * size;
        stream.Position -= HeadLength;
        if (length > int.MaxValue || stream.Length - stream.Position < length + sizeof(uint)) return null;
        var record = new byte[length];
        stream.ReadExactly(record);
        Span<byte> sum = stackalloc byte[sizeof(uint)];
        stream.ReadExactly(sum);
        if (BitConverter.ToUInt32(sum) != Crc32.Of(record)) return null;
        var indices = MemoryMarshal.Cast<byte, int>(record.AsSpan(HeadLength, rows * sizeof(int))).ToArray();
        using var rest = new MemoryStream(record, HeadLength + rows * sizeof(int), rows * width * size);
        using var flat = RawTensor.Read(rest, (long)rows * width, type);
        return (indices, flat.reshape(rows, width).DetachFromDisposeScope(), end);
    }
}
