using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>An open <see cref="ExtractionJournal"/>: a fingerprint, then one record per batch.</summary>
internal sealed class JournalFile : IDisposable
{
    private const int HeadLength = 4 * sizeof(int);
    private readonly int imageCount;
    private readonly FileStream stream;

    /// <param name="path">The file; it is created if it does not exist.</param>
    /// <param name="fingerprint">A hash of everything that the features depend on.</param>
    /// <param name="imageCount">The number of images that are extracted.</param>
    public JournalFile(string path, byte[] fingerprint, int imageCount)
    {
        (Path, this.imageCount) = (path, imageCount);
        InputFile.RefuseFolder(path);
        // Without a buffer, nothing is left to write when the file is closed after an error.
        stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        try
        {
            byte[] start = [.. "features 1\n"u8, .. fingerprint];
            var found = new byte[start.Length];
            var length = stream.ReadAtLeast(found, found.Length, throwOnEndOfStream: false);
            if (!start.AsSpan().StartsWith(found.AsSpan(0, length)))
                throw new InvalidDataException(
                    $"{path} is not a journal of this extraction: the images, the batch size or the key differ. Delete it to begin anew.");
            if (length < start.Length)
            {
                // The file is new, or the program stopped before the fingerprint was written.
                stream.SetLength(0);
                Write(start);
            }
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Reads the complete batches. If the program stopped while it wrote, the last batch is incomplete; it is cut
    /// off.</summary>
    /// <returns>The positions of the images; their features [n, D], which are in no dispose scope and which the caller disposes; and the
    /// number of images that were done after the batch.</returns>
    /// <exception cref="InvalidDataException">A batch is complete but does not belong to this extraction.</exception>
    public IEnumerable<(int[] Indices, Tensor Features, int End)> Restore()
    {
        Record? before = null;
        for (var number = 1; ; number++)
        {
            var begin = stream.Position;
            if (Next() is not { } record)
            {
                stream.SetLength(begin);
                stream.Position = begin;
                yield break;
            }
            if (FaultOf(record, before) is { } fault) throw new InvalidDataException($"{Path}, batch {number}: {fault}.");
            yield return (record.Indices, record.Features(), record.End);
            before = record;
        }
    }

    /// <summary>Adds a batch.</summary>
    /// <exception cref="IOException">There is no room for it. The batches before it can be restored.</exception>
    public void Append(IReadOnlyList<int> indices, Tensor features, int end)
    {
        using var bytes = new MemoryStream();
        int[] head = [indices.Count, (int)features.size(1), (int)features.dtype, end];
        bytes.Write(MemoryMarshal.AsBytes(head.AsSpan()));
        bytes.Write(MemoryMarshal.AsBytes(indices.ToArray().AsSpan()));
        RawTensor.Write(bytes, features);
        bytes.Write(BitConverter.GetBytes(Crc32.Of(bytes.GetBuffer().AsSpan(0, (int)bytes.Length))));
        Write(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        try
        {
            stream.Write(bytes);
        }
        catch (Exception e) when (FullDisk.Is(e))
        {
            throw FullDisk.Named(Path, e, "extract again; this goes on where it stopped");
        }
    }

    public void Dispose() => stream.Dispose();

    /// <summary>The next complete record; null if there is none.</summary>
    private Record? Next()
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
        var bytes = new byte[length];
        stream.ReadExactly(bytes);
        Span<byte> sum = stackalloc byte[sizeof(uint)];
        stream.ReadExactly(sum);
        if (BitConverter.ToUInt32(sum) != Crc32.Of(bytes)) return null;
        var indices = MemoryMarshal.Cast<byte, int>(bytes.AsSpan(HeadLength, rows * sizeof(int))).ToArray();
        return new Record(indices, width, type, end, bytes);
    }

    /// <summary>Says why a record cannot belong to this extraction; null if it can. The images of the records follow each other.</summary>
    private string? FaultOf(Record record, Record? before)
    {
        var first = before?.End ?? 0;
        if (record.End <= first || record.End > imageCount)
            return $"it ends at image {record.End}, which must be in {first + 1} ... {imageCount}";
        foreach (var index in record.Indices)
        {
            if (index < first || index >= record.End) return $"it has image {index}, which must be in {first} ... {record.End - 1}";
            first = index + 1;
        }
        return before is null || (before.Width == record.Width && before.Type == record.Type) ? null
            : $"its features are {record.Width} {record.Type}, those before it {before.Width} {before.Type}";
    }

    private sealed record Record(int[] Indices, int Width, ScalarType Type, int End, byte[] Bytes)
    {
        public Tensor Features()
        {
            var begin = HeadLength + Indices.Length * sizeof(int);
            using var rest = new MemoryStream(Bytes, begin, Bytes.Length - begin);
            using var flat = RawTensor.Read(rest, (long)Indices.Length * Width, Type);
            return flat.reshape(Indices.Length, Width).DetachFromDisposeScope();
        }
    }
}
