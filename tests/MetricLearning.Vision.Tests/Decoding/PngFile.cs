using System.Buffers.Binary;
using System.IO.Compression;

namespace MetricLearning.Vision.Tests;

/// <summary>PNG files of kinds that Skia does not write.</summary>
internal static class PngFile
{
    /// <param name="width">The number of pixels in a row.</param>
    /// <param name="height">The number of rows.</param>
    /// <param name="bits">The number of bits per channel.</param>
    /// <param name="color">0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha.</param>
    /// <param name="rows">The packed pixels of each row. For an interlaced image, those of each row of each pass.</param>
    /// <param name="palette">The chunk PLTE, if any.</param>
    /// <param name="transparency">The chunk tRNS, if any.</param>
    /// <param name="interlaced">Whether the rows come in the seven passes of Adam7.</param>
    public static byte[] Make(int width, int height, byte bits, byte color, byte[][] rows, byte[]? palette = null,
        byte[]? transparency = null,
        bool interlaced = false)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[12]) = (bits, color, (byte)(interlaced ? 1 : 0));
        using var pixels = new MemoryStream();
        using (var packed = new ZLibStream(pixels, CompressionLevel.Optimal))
            foreach (var row in rows) packed.Write([0, .. row]);
        return
        [
            0x89, .. "PNG\r\n\u001a\n"u8, .. Chunk("IHDR"u8, header), .. palette is null ? [] : Chunk("PLTE"u8, palette),
            .. transparency is null ? [] : Chunk("tRNS"u8, transparency), .. Chunk("IDAT"u8, pixels.ToArray()), .. Chunk("IEND"u8, []),
        ];
    }

    /// <summary>The checksum of a chunk's name and data.</summary>
    public static uint CheckSum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }

    /// <summary>A chunk with its length and checksum.</summary>
    public static byte[] Chunk(ReadOnlySpan<byte> name, byte[] data)
    {
        byte[] named = [.. name, .. data];
        var (length, sum) = (new byte[4], new byte[4]);
        BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
        BinaryPrimitives.WriteUInt32BigEndian(sum, CheckSum(named));
        return [.. length, .. named, .. sum];
    }
}
