using System.Buffers.Binary;

namespace MetricLearning.Search;

/// <summary>Pictures that are drawn by integer arithmetic alone, as PNG files. Their bytes are the same on every machine, and must never
/// change: stored canaries are vectors of these pictures.</summary>
internal static class CanaryPictures
{
    private const int Width = 128, Height = 96, Channels = 3, Cell = 12;
    private const ulong Seed = 0xCA;

    /// <summary>The largest prime below 2¹⁶, by which the checksum of zlib divides.</summary>
    private const uint Adler = 65521;

    /// <summary>The pictures: slopes and discs, rings that become finer outward with another center in each channel, and colored cells
    /// with noise. They depend on everything that can go wrong: the order of the channels, edges, fine lines, and a height that differs
    /// from the width.</summary>
    public static IReadOnlyList<ReadOnlyMemory<byte>> All { get; } = [Png(Slopes), Png(Rings), Png(Cells())];

    private static byte Slopes(int x, int y, int channel)
    {
        var (fromCenterX, fromCenterY) = (x - 40 - 24 * channel, y - 30 - 18 * channel);
        var inside = fromCenterX * fromCenterX + fromCenterY * fromCenterY < 400;
        var slope = channel switch { 0 => 2 * x, 1 => 255 * y / (Height - 1), _ => 255 - x - y };
        return (byte)(inside ? 255 - slope : slope);
    }

    private static byte Rings(int x, int y, int channel)
    {
        var (fromCenterX, fromCenterY) = (x - 32 - 32 * channel, y - 24 - 24 * channel);
        var phase = (fromCenterX * fromCenterX + fromCenterY * fromCenterY) / (8 + 4 * channel) & 511;
        return (byte)(phase < 256 ? phase : 511 - phase);
    }

    private static Func<int, int, int, byte> Cells()
    {
        var (random, across) = (new SeededRandom(Seed), (Width + Cell - 1) / Cell);
        var colors = new int[across * ((Height + Cell - 1) / Cell) * Channels];
        for (var i = 0; i < colors.Length; i++) colors[i] = 24 + random.NextInt(208);
        return (x, y, channel) => (byte)(colors[(y / Cell * across + x / Cell) * Channels + channel] + random.NextInt(49) - 24);
    }

    /// <summary>A picture as a PNG file of 8-bit RGB. It is not compressed, because the output of a compressor depends on its
    /// version.</summary>
    private static ReadOnlyMemory<byte> Png(Func<int, int, int, byte> pixel)
    {
        var rows = new byte[Height * (1 + Width * Channels)];       // each row begins with its filter; 0 is none
        for (var (y, i) = (0, 0); y < Height; y++)
        {
            i++;
            for (var x = 0; x < Width; x++)
                for (var channel = 0; channel < Channels; channel++) rows[i++] = pixel(x, y, channel);
        }
        var (low, high) = (1u, 0u);
        foreach (var value in rows)
        {
            low = (low + value) % Adler;
            high = (high + low) % Adler;
        }
        // One block of deflate that is stored as it is: its length, and the complement of its length.
        byte[] stored = [0x78, 0x01, 0x01, (byte)rows.Length, (byte)(rows.Length >> 8), (byte)~rows.Length, (byte)(~rows.Length >> 8),
            .. rows, .. BigEndian(high << 16 | low)];
        return (byte[])
        [
            0x89, .. "PNG\r\n\u001a\n"u8, .. Chunk("IHDR"u8, [.. BigEndian(Width), .. BigEndian(Height), 8, 2, 0, 0, 0]),
            .. Chunk("IDAT"u8, stored), .. Chunk("IEND"u8, []),
        ];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> name, byte[] data)
    {
        byte[] named = [.. name, .. data];
        return [.. BigEndian((uint)data.Length), .. named, .. BigEndian(Crc32.Of(named))];
    }

    private static byte[] BigEndian(uint value)
    {
        var bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }
}
