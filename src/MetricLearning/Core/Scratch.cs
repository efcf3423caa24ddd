namespace MetricLearning;

/// <summary>Buffers of the current thread that are reused from call to call. A buffer still holds the values of its last user.</summary>
internal static class Scratch
{
    [ThreadStatic] private static int[]? ints;
    [ThreadStatic] private static int[]? places;
    [ThreadStatic] private static double[]? doubles;
    [ThreadStatic] private static float[]? floats;

    /// <summary>Gets at least <paramref name="count"/> integers.</summary>
    public static int[] Ints(int count) => ints is { } held && held.Length >= count ? held : ints = new int[count];

    /// <summary>Gets at least <paramref name="count"/> floats.</summary>
    public static float[] Floats(int count) => floats is { } held && held.Length >= count ? held : floats = new float[count];

    /// <summary>Gets exactly <paramref name="count"/> doubles.</summary>
    public static Span<double> Doubles(int count) =>
        (doubles is { } held && held.Length >= count ? held : doubles = new double[count]).AsSpan(0, count);

    /// <summary>Gets at least <paramref name="count"/> integers, in another buffer than <see cref="Ints"/>.</summary>
    public static int[] Places(int count) => places is { } held && held.Length >= count ? held : places = new int[count];
}
