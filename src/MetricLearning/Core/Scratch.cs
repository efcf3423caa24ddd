namespace MetricLearning;

/// <summary>Buffers that a thread uses again and again.</summary>
internal static class Scratch
{
    [ThreadStatic] private static int[]? ints;
    [ThreadStatic] private static int[]? places;
    [ThreadStatic] private static double[]? doubles;
    [ThreadStatic] private static float[]? floats;

    /// <summary>At least so many numbers, of any value.</summary>
    public static int[] Ints(int count) => ints is { } held && held.Length >= count ? held : ints = new int[count];

    /// <summary>At least so many numbers, of any value.</summary>
    public static float[] Floats(int count) => floats is { } held && held.Length >= count ? held : floats = new float[count];

    /// <summary>Exactly so many numbers, of any value.</summary>
    public static Span<double> Doubles(int count) =>
        (doubles is { } held && held.Length >= count ? held : doubles = new double[count]).AsSpan(0, count);

    /// <summary>At least so many numbers, of any value, apart from <see cref="Ints"/>.</summary>
    public static int[] Places(int count) => places is { } held && held.Length >= count ? held : places = new int[count];
}
