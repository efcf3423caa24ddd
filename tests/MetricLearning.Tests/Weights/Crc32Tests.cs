namespace MetricLearning.Tests;

public class Crc32Tests
{
    // Computes it bit by bit from the polynomial.
    private static uint ByDefinition(ReadOnlySpan<byte> bytes)
    {
        var remainder = uint.MaxValue;
        foreach (var value in bytes)
        {
            remainder ^= value;
            for (var bit = 0; bit < 8; bit++) remainder = (remainder & 1) != 0 ? (remainder >> 1) ^ 0xEDB88320 : remainder >> 1;
        }
        return ~remainder;
    }

    [Fact]
    public void Of_AnyLength_IsThePolynomialsRemainder()
    {
        Assert.Equal(0xCBF43926, Crc32.Of("123456789"u8));     // the check value of the standard
        var bytes = new byte[1100];
        new Random(1).NextBytes(bytes);
        for (var length = 0; length < bytes.Length; length += length < 200 ? 1 : 61)
            for (var start = 0; start < 3; start++)
                Assert.Equal(ByDefinition(bytes.AsSpan(start, Math.Min(length, bytes.Length - start))),
                    Crc32.Of(bytes.AsSpan(start, Math.Min(length, bytes.Length - start))));
        var remainder = Crc32.Continue(Crc32.Continue(uint.MaxValue, bytes.AsSpan(0, 333)), bytes.AsSpan(333));
        Assert.Equal(ByDefinition(bytes), ~remainder);
    }
}
