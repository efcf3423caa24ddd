namespace MetricLearning;

/// <summary>Buffers that a thread uses again and again.</summary>
internal static class Scratch
{
    [ThreadStatic] private static int[]? ints;
    [ThreadStatic] private static ulong[]? bits;
    [ThreadStatic] private static double[]? doubles;

    /// <summary>At least so many numbers, of any value.</summary>
    public static int[] Ints(int count) => ints is { } held && held.Length >= count ? held : ints = new int[count];

    /// <summary>Exactly so many numbers, of any value.</summary>
    public static Span<double> Doubles(int count) =>
        (doubles is { } held && held.Length >= count ? held : doubles = new double[count]).AsSpan(0, count);

    /// <summary>Exactly so many bits, rounded up to whole words, all clear.</summary>
    public static Span<ulong> Bits(int count)
    {
        var words = (count + 63) / 64;
        if (bits is null || bits.Length < words) bits = new ulong[words];
        bits.AsSpan(0, words).Clear();
        return bits.AsSpan(0, words);
    }
}
