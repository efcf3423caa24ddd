namespace MetricLearning;

/// <summary>The checksum of zip archives (polynomial 0xEDB88320).</summary>
internal static class Crc32
{
    private static readonly uint[] table = [.. Enumerable.Range(0, 256).Select(value =>
    {
        var remainder = (uint)value;
        for (var bit = 0; bit < 8; bit++) remainder = (remainder & 1) != 0 ? (remainder >> 1) ^ 0xEDB88320 : remainder >> 1;
        return remainder;
    })];

    public static uint Of(ReadOnlySpan<byte> bytes) => ~Continue(uint.MaxValue, bytes);

    /// <summary>Continues a checksum with more bytes. The sum begins with all bits set and is inverted at its end.</summary>
    public static uint Continue(uint remainder, ReadOnlySpan<byte> bytes)
    {
        if (FoldedCrc32.IsSupported && bytes.Length >= FoldedCrc32.Fewest)
        {
            var whole = bytes.Length / FoldedCrc32.Block * FoldedCrc32.Block;
            remainder = FoldedCrc32.Continue(remainder, bytes[..whole]);
            bytes = bytes[whole..];
        }
        foreach (var b in bytes) remainder = table[(byte)(remainder ^ b)] ^ (remainder >> 8);
        return remainder;
    }
}
