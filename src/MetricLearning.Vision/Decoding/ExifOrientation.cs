using System.Buffers.Binary;

namespace MetricLearning.Vision;

/// <summary>Finds the EXIF orientation of JPEG, PNG and WebP files, stored in any type of whole number, as Pillow's
/// <c>exif_transpose</c> does. Skia finds that of JPEG files alone, and only in 16 bits.</summary>
internal static class ExifOrientation
{
    private const ushort Tag = 0x0112;
    private const int MostEntries = 1 << 10;

    private static ReadOnlySpan<byte> Head => "Exif\0\0"u8;

    private static ReadOnlySpan<byte> PngStart => [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    /// <summary>The orientation, 1 … 8; 1 for upright if the file says nothing else.</summary>
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
                at++;       // a byte that fills
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
            if (marker == 0xE1 && segment.StartsWith(Head)) return InTiff(segment[Head.Length..]);
            at += 2 + length;
        }
        return 1;
    }

    private static int InPng(ReadOnlySpan<byte> file)
    {
        for (var at = PngStart.Length; at + 8 <= file.Length;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(file[at..]);
            if (length > file.Length - at - 8) break;
            var content = file.Slice(at + 8, (int)length);
            if (file.Slice(at + 4, 4).SequenceEqual("eXIf"u8)) return InTiff(WithoutHead(content));
            at += 12 + (int)length;
            if (at < 0) break;
        }
        return 1;
    }

    private static int InWebP(ReadOnlySpan<byte> file)
    {
        for (var at = 12; at + 8 <= file.Length;)
        {
            var length = BinaryPrimitives.ReadUInt32LittleEndian(file[(at + 4)..]);
            if (length > file.Length - at - 8) break;
            var content = file.Slice(at + 8, (int)length);
            if (file.Slice(at, 4).SequenceEqual("EXIF"u8)) return InTiff(WithoutHead(content));
            at += 8 + (int)length + (int)(length & 1);
            if (at < 0) break;
        }
        return 1;
    }

    private static ReadOnlySpan<byte> WithoutHead(ReadOnlySpan<byte> exif) => exif.StartsWith(Head) ? exif[Head.Length..] : exif;

    /// <summary>The orientation in the first directory of a TIFF structure.</summary>
    private static int InTiff(ReadOnlySpan<byte> tiff)
    {
        if (tiff.Length < 8) return 1;
        var bigEndian = tiff.StartsWith("MM\0*"u8);
        if (!bigEndian && !tiff.StartsWith("II*\0"u8)) return 1;
        var start = Word(tiff[4..], bigEndian);
        if (start > tiff.Length - 2) return 1;
        var directory = tiff[(int)start..];
        int count = Half(directory, bigEndian);
        directory = directory[2..];
        for (var entry = 0; entry < Math.Min(count, MostEntries) && directory.Length >= 12; entry++, directory = directory[12..])
            if (Half(directory, bigEndian) == Tag && Word(directory[4..], bigEndian) == 1)
                return Value(directory, bigEndian) is >= 1 and <= 8 and var orientation ? (int)orientation : 1;
        return 1;
    }

    /// <summary>A whole number of an entry, which lies in the entry itself; 0 for other types.</summary>
    private static uint Value(ReadOnlySpan<byte> entry, bool bigEndian) => Half(entry[2..], bigEndian) switch
    {
        1 or 6 or 7 => entry[8],
        3 or 8 => Half(entry[8..], bigEndian),
        4 or 9 or 13 => Word(entry[8..], bigEndian),
        _ => 0,
    };

    private static ushort Half(ReadOnlySpan<byte> bytes, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint Word(ReadOnlySpan<byte> bytes, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
