using System.Buffers.Binary;

namespace MetricLearning;

/// <summary>Checks a zip archive before it is opened, because .NET's reader makes an object for each entry that is about ten times as large
/// as the entry in the archive's directory.</summary>
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
