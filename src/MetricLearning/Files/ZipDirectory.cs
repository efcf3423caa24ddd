using System.Buffers.Binary;
using System.IO.Compression;

namespace MetricLearning;

/// <summary>Opens zip archives. A large one is checked before, because .NET's reader makes an object for each entry that is about ten times
/// as large as the entry in the archive's directory.</summary>
internal static class ZipDirectory
{
    private const int Growth = 10;
    private const long Fixed = 64 << 20;
    private const int EndLength = 22;
    private const int LongestComment = ushort.MaxValue;
    private const int OffsetField = 16;
    private const int LocatorLength = 20;
    private const int RecordField = 8;
    private const int LongOffsetField = 48;

    /// <summary>Opens an archive.</summary>
    /// <param name="stream">The archive.</param>
    /// <param name="leaveOpen">Whether the stream stays open when the archive is disposed.</param>
    /// <exception cref="InvalidDataException">It is no archive, or its end is missing; the message says so.</exception>
    public static ZipArchive Open(Stream stream, bool leaveOpen)
    {
        try
        {
            return new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen);
        }
        catch (InvalidDataException e) when (Start(stream) is null && Begins(stream))
        {
            throw new InvalidDataException("The list of entries at the end of the archive is missing. The file is cut off, as after a "
                + "download or a copy that was not finished.", e);
        }
    }

    /// <summary>Whether the stream begins as an archive with entries does.</summary>
    private static bool Begins(Stream stream)
    {
        Span<byte> start = stackalloc byte[4];
        stream.Position = 0;
        var isArchive = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
            && start.SequenceEqual("PK\u0003\u0004"u8);
        stream.Position = 0;
        return isArchive;
    }

    /// <summary>Refuses an archive whose directory takes more memory than four times the file and 64 MB.</summary>
    /// <exception cref="InvalidDataException">It is too large.</exception>
    public static void RequireSmall(Stream stream)
    {
        if (Start(stream) is { } start && Growth * (Int128)(stream.Length - start) > 4 * (Int128)stream.Length + Fixed)
            throw new InvalidDataException("The archive lists far more entries than its size explains.");
    }

    /// <summary>The position of the directory; null if the reader will not find it either.</summary>
    private static long? Start(Stream stream)
    {
        var length = (int)Math.Min(stream.Length, EndLength + LongestComment + LocatorLength);
        var tail = new byte[length];
        stream.Position = stream.Length - length;
        stream.ReadExactly(tail);
        stream.Position = 0;
        var end = tail.AsSpan().LastIndexOf("PK\u0005\u0006"u8);
        if (end < 0 || end + EndLength > length) return null;
        long start = BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(end + OffsetField));
        if (start == uint.MaxValue && end >= LocatorLength && tail.AsSpan(end - LocatorLength).StartsWith("PK\u0006\u0007"u8))
        {
            // Beyond 4 GB the locator before the end gives the position of the longer record, which gives the position of the directory.
            var record = BinaryPrimitives.ReadInt64LittleEndian(tail.AsSpan(end - LocatorLength + RecordField));
            if (record < 0 || record > stream.Length - LongOffsetField - sizeof(long)) return null;
            stream.Position = record + LongOffsetField;
            Span<byte> offset = stackalloc byte[sizeof(long)];
            stream.ReadExactly(offset);
            stream.Position = 0;
            start = BinaryPrimitives.ReadInt64LittleEndian(offset);
        }
        return start >= 0 && start <= stream.Length ? start : null;
    }
}
