using System.Buffers.Binary;

namespace MetricLearning.Vision;

/// <summary>Finds the EXIF orientation of JPEG, PNG and WebP files as Pillow's <c>exif_transpose</c> does. The number may have any EXIF
/// type. In PNG files it may also be in ImageMagick's text chunk, or in XMP if there is no EXIF. Skia itself finds only a 16-bit
/// orientation in JPEG files.</summary>
internal static class ExifOrientation
{
    private const ushort Tag = 0x0112;
    private const int MostEntries = 1 << 10;

    private static ReadOnlySpan<byte> Head => "Exif\0\0"u8;

    private static ReadOnlySpan<byte> PngStart => [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    /// <summary>The orientation, 1 … 8; 1 (upright) if the file states none.</summary>
    public static int Of(ReadOnlySpan<byte> file) =>
        file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8]) ? InJpeg(file)
            : file.StartsWith(PngStart) ? InPng(file)
            : file.Length > 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8) ? InWebP(file) : 1;

    private static int InJpeg(ReadOnlySpan<byte> file)
    {
        for (var at = 2; at + 4 <= file.Length && file[at] == 0xFF;)
        {
            var marker = file[at + 1];
            if (marker == 0xFF)
            {
                at++;       // a fill byte
                continue;
            }
            if (marker is 0xDA or 0xD9) break;
            if (marker is 0x01 or (>= 0xD0 and <= 0xD8))
            {
                at += 2;
                continue;
            }
            int length = BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
            if (length < 2 || at + 2 + length > file.Length) break;
            var segment = file.Slice(at + 4, length - 2);
            if (marker == 0xE1 && segment.StartsWith(Head)) return InTiff(segment[Head.Length..]) ?? 1;
            at += 2 + length;
        }
        return 1;
    }

    private static int InPng(ReadOnlySpan<byte> file)
    {
        ReadOnlySpan<byte> exif = [];
        string? profile = null, xmp = null;
        for (var at = PngStart.Length; at + 8 <= file.Length;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(file[at..]);
            if (length > file.Length - at - 8) break;
            var kind = file.Slice(at + 4, 4);
            var content = file.Slice(at + 8, (int)length);
            if (kind.SequenceEqual("eXIf"u8)) exif = WithoutHead(content);
            else
            {
                profile = PngText.Of(kind, content, "Raw profile type exif"u8) ?? profile;
                xmp = PngText.Of(kind, content, "XML:com.adobe.xmp"u8) ?? xmp;
            }
            at += 12 + (int)length;
            if (at < 0) break;
        }
        if (exif.IsEmpty && profile is not null) exif = WithoutHead(PngText.Profile(profile));
        return InTiff(exif) ?? (xmp is not null ? PngText.Orientation(xmp) : 1);
    }

    private static int InWebP(ReadOnlySpan<byte> file)
    {
        for (var at = 12; at + 8 <= file.Length;)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(file[(at + 4)..]);
            if (length > file.Length - at - 8) break;
            var content = file.Slice(at + 8, (int)length);
            if (file.Slice(at, 4).SequenceEqual("EXIF"u8)) return InTiff(WithoutHead(content)) ?? 1;
            at += 8 + (int)length + (int)(length & 1);
            if (at < 0) break;
        }
        return 1;
    }

    private static ReadOnlySpan<byte> WithoutHead(ReadOnlySpan<byte> exif) => exif.StartsWith(Head) ? exif[Head.Length..] : exif;

    /// <summary>The orientation in the first directory of a TIFF structure; null if it has none, and 1 if the value is not in 1 …
    /// 8.</summary>
    private static int? InTiff(ReadOnlySpan<byte> tiff)
    {
        if (tiff.Length < 8) return null;
        var bigEndian = tiff.StartsWith("MM\0*"u8);
        if (!bigEndian && !tiff.StartsWith("II*\0"u8)) return null;
        var start = Word(tiff[4..], bigEndian);
        if (start > tiff.Length - 2) return null;
        var directory = tiff[(int)start..];
        int count = Half(directory, bigEndian);
        directory = directory[2..];
        for (var entry = 0; entry < Math.Min(count, MostEntries) && directory.Length >= 12; entry++, directory = directory[12..])
            if (Half(directory, bigEndian) == Tag)
                return Value(tiff, directory, bigEndian) is >= 1 and <= 8 and var turn && turn == Math.Truncate(turn) ? (int)turn : 1;
        return null;
    }

    /// <summary>The first number of an entry, which lies in the entry itself or at the offset that it gives; 0 if it is not a number. Bytes
    /// are not numbers: Pillow reads them as text.</summary>
    private static double Value(ReadOnlySpan<byte> tiff, ReadOnlySpan<byte> entry, bool bigEndian)
    {
        var kind = Half(entry[2..], bigEndian);
        var size = kind switch { 6 => 1, 3 or 8 => 2, 4 or 9 or 11 or 13 => 4, 5 or 10 or 12 => 8, _ => 0 };
        var count = Word(entry[4..], bigEndian);
        var bytes = entry[8..];
        if (size == 0 || count == 0) return 0;
        if ((long)count * size > 4)
        {
            var place = Word(entry[8..], bigEndian);
            if (place > tiff.Length - size) return 0;
            bytes = tiff[(int)place..];
        }
        return kind switch
        {
            6 => bytes[0],
            3 or 8 => Half(bytes, bigEndian),
            5 or 10 => (double)Word(bytes, bigEndian) / Word(bytes[4..], bigEndian),
            11 => BitConverter.UInt32BitsToSingle(Word(bytes, bigEndian)),
            12 => bigEndian ? BinaryPrimitives.ReadDoubleBigEndian(bytes) : BinaryPrimitives.ReadDoubleLittleEndian(bytes),
            _ => Word(bytes, bigEndian),
        };
    }

    private static ushort Half(ReadOnlySpan<byte> bytes, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint Word(ReadOnlySpan<byte> bytes, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
