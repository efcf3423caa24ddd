using System.Buffers.Binary;
using SkiaSharp;

namespace MetricLearning.Vision.Tests;

/// <summary>A file of two pixels side by side.</summary>
/// <param name="Name">The kind of file.</param>
/// <param name="Bytes">Its bytes.</param>
/// <param name="First">The left pixel after decoding.</param>
/// <param name="Second">The right pixel after decoding.</param>
public sealed record PictureKind(string Name, byte[] Bytes, (int R, int G, int B) First, (int R, int G, int B) Second)
{
    public override string ToString() => Name;
}

/// <summary>Two pixels in every lossless kind of file. The code here writes each of them.</summary>
public static class ImageKinds
{
    private static readonly (int, int, int) red = (200, 30, 10), blue = (5, 60, 250), white = (255, 255, 255);

    private static readonly byte[] fourColors = [0, 0, 0, 200, 30, 10, 5, 60, 250, 9, 9, 9];

    public static TheoryData<PictureKind> All => new(Kinds());

    private static IEnumerable<PictureKind> Kinds()
    {
        yield return new("png gray 1 bit", PngFile.Make(2, 1, 1, 0, [[0b0100_0000]]), (0, 0, 0), white);
        yield return new("png gray 2 bits", PngFile.Make(2, 1, 2, 0, [[0b0110_0000]]), (85, 85, 85), (170, 170, 170));
        yield return new("png gray 4 bits", PngFile.Make(2, 1, 4, 0, [[0x3C]]), (51, 51, 51), (204, 204, 204));
        yield return new("png gray 8 bits", PngFile.Make(2, 1, 8, 0, [[7, 130]]), (7, 7, 7), (130, 130, 130));
        yield return new("png gray 16 bits", PngFile.Make(2, 1, 16, 0, [[0x12, 0xFE, 0x80, 0]]), (0x12, 0x12, 0x12), (0x80, 0x80, 0x80));
        yield return new("png gray, one value transparent", PngFile.Make(2, 1, 8, 0, [[7, 130]], transparency: [0, 7]), white,
            (130, 130, 130));
        yield return new("png gray and alpha", PngFile.Make(2, 1, 8, 4, [[100, 51, 100, 255]]), (224, 224, 224), (100, 100, 100));
        yield return new("png rgb", PngFile.Make(2, 1, 8, 2, [[200, 30, 10, 5, 60, 250]]), red, blue);
        yield return new("png rgb 16 bits", PngFile.Make(2, 1, 16, 2, [[200, 99, 30, 0, 10, 255, 5, 1, 60, 2, 250, 3]]), red, blue);
        yield return new("png rgb, one color transparent", PngFile.Make(2, 1, 8, 2, [[200, 30, 10, 5, 60, 250]],
            transparency: [0, 200, 0, 30, 0, 10]), white, blue);
        yield return new("png rgba", PngFile.Make(2, 1, 8, 6, [[100, 0, 50, 51, 5, 60, 250, 255]]), (224, 204, 214), blue);
        yield return new("png rgba 16 bits", PngFile.Make(2, 1, 16, 6, [[100, 0, 0, 0, 50, 0, 51, 0, 1, 1, 2, 2, 3, 3, 0, 0]]),
            (224, 204, 214), white);
        yield return new("png palette 1 bit", PngFile.Make(2, 1, 1, 3, [[0b0100_0000]], [5, 60, 250, 200, 30, 10]), blue, red);
        yield return new("png palette 4 bits", PngFile.Make(2, 1, 4, 3, [[0x12]], fourColors), red, blue);
        yield return new("png palette and transparency", PngFile.Make(2, 1, 8, 3, [[1, 2]], fourColors, transparency: [255, 0]), white,
            blue);
        yield return new("png interlaced", PngFile.Make(2, 1, 8, 2, [[200, 30, 10], [5, 60, 250]], interlaced: true), red, blue);
        yield return new("bmp 24 bits", Bmp(24, 1, [], [10, 30, 200, 250, 60, 5, 0, 0]), red, blue);
        yield return new("bmp 24 bits, top row first", Bmp(24, -1, [], [10, 30, 200, 250, 60, 5, 0, 0]), red, blue);
        yield return new("bmp 32 bits", Bmp(32, 1, [], [10, 30, 200, 0, 250, 60, 5, 0]), red, blue);
        yield return new("bmp palette", Bmp(8, 1, [0, 0, 0, 0, 10, 30, 200, 0, 250, 60, 5, 0], [1, 2, 0, 0]), red, blue);
        yield return new("gif", Gif(Frame(1, 2)), red, blue);
        yield return new("gif, one color transparent", Gif([.. Control(transparent: 1), .. Frame(1, 2)]), white, blue);
        yield return new("gif animated", Gif([.. Loop, .. Control(), .. Frame(1, 2), .. Control(), .. Frame(3, 3)]), red, blue);
        yield return new("webp", WebP(Lossless(Red, Blue)), red, blue);
        yield return new("webp and alpha", WebP(Lossless(new SKColor(100, 0, 50, 51), Blue)), (224, 204, 214), blue);
        yield return new("webp animated", WebP(Chunk("VP8X"u8, [0b10, 0, 0, 0, 1, 0, 0, 0, 0, 0]), Chunk("ANIM"u8, new byte[6]),
            WebPFrame(Lossless(Red, Blue)), WebPFrame(Lossless(Blue, Blue))), red, blue);
    }

    private static SKColor Red => new(200, 30, 10);

    private static SKColor Blue => new(5, 60, 250);

    private static byte[] Bmp(short bits, int height, byte[] palette, byte[] pixels)
    {
        var start = 54 + palette.Length;
        return
        [
            .. "BM"u8, .. Int(start + pixels.Length), .. Int(0), .. Int(start),
            .. Int(40), .. Int(2), .. Int(height), 1, 0, (byte)bits, 0, .. Int(0), .. Int(pixels.Length), .. Int(2835), .. Int(2835),
                .. Int(palette.Length / 4), .. Int(0),
            .. palette, .. pixels,
        ];
    }

    private static byte[] Gif(byte[] content) => [.. "GIF89a"u8, 2, 0, 1, 0, 0b1000_0001, 0, 0, .. fourColors, .. content, 0x3B];

    private static byte[] Loop => [0x21, 0xFF, 11, .. "NETSCAPE2.0"u8, 3, 1, 0, 0, 0];

    private static byte[] Control(byte? transparent = null) =>
        [0x21, 0xF9, 4, (byte)(transparent is null ? 0 : 1), 10, 0, transparent ?? 0, 0];

    /// <summary>Two colors of the palette: the codes clear, first, second, end, of three bits each.</summary>
    private static byte[] Frame(int first, int second)
    {
        var codes = 4 | first << 3 | second << 6 | 5 << 9;
        return [0x2C, 0, 0, 0, 0, 2, 0, 1, 0, 0, 2, 2, (byte)codes, (byte)(codes >> 8), 0];
    }

    /// <summary>The chunk VP8L of an image as Skia compresses it.</summary>
    private static byte[] Lossless(params SKColor[] colors)
    {
        using var bitmap = new SKBitmap(2, 1, SKColorType.Rgba8888, SKAlphaType.Unpremul) { Pixels = colors };
        using var map = bitmap.PeekPixels();
        using var data = map.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 100));
        var bytes = data!.ToArray();
        for (var at = 12; ; at += 8 + (BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 4)) + 1) / 2 * 2)
            if (bytes.AsSpan(at, 4).SequenceEqual("VP8L"u8)) return Chunk("VP8L"u8,
                bytes[(at + 8)..(at + 8 + BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 4)))]);
    }

    /// <summary>Red and blue with a chunk of metadata.</summary>
    public static byte[] WebPWith(ReadOnlySpan<byte> name, byte[] metadata)
    {
        byte[] chunk = Chunk(name, metadata);
        return WebP(Chunk("VP8X"u8, [0b1000, 0, 0, 0, 1, 0, 0, 0, 0, 0]), Lossless(Red, Blue), chunk);
    }

    private static byte[] WebPFrame(byte[] picture) => Chunk("ANMF"u8, [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 100, 0, 0, 0, .. picture]);

    private static byte[] WebP(params byte[][] chunks)
    {
        byte[] content = [.. "WEBP"u8, .. chunks.SelectMany(chunk => chunk)];
        return [.. "RIFF"u8, .. Int(content.Length), .. content];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> name, byte[] data) =>
        [.. name, .. Int(data.Length), .. data, .. new byte[data.Length % 2]];

    private static byte[] Int(int value) => BitConverter.GetBytes(value);
}
