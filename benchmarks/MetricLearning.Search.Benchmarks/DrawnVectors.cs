namespace MetricLearning.Search.Benchmarks;

/// <summary>Vectors about centers, as a trained network gives them for a few thousand things.</summary>
internal static class DrawnVectors
{
    private const int Things = 5000;
    private const ulong Seed = 1;

    /// <summary>The vector of a number, the same every time.</summary>
    public static float[] Of(int number, int width)
    {
        var (thing, noise) = (SeededRandom.ForStream(Seed, (ulong)(number % Things)), SeededRandom.ForStream(Seed, 0xA0, (ulong)number));
        var vector = new float[width];
        foreach (ref var value in vector.AsSpan()) value = (float)(thing.NextGaussian() + 0.8 * noise.NextGaussian());
        return vector;
    }

    /// <summary>A query that no row is equal to.</summary>
    public static float[] Query(int number, int width) => Of(int.MaxValue - number, width);
}
