namespace MetricLearning.Search.Benchmarks;

/// <summary>Vectors around centers, similar to those that a trained network gives for a few thousand things.</summary>
internal static class DrawnVectors
{
    private const int Things = 5000;
    private const ulong Seed = 1;

    /// <summary>Returns the vector with a number. It is the same on each call.</summary>
    public static float[] Of(int number, int width)
    {
        var (thing, noise) = (SeededRandom.ForStream(Seed, (ulong)(number % Things)), SeededRandom.ForStream(Seed, 0xA0, (ulong)number));
        var vector = new float[width];
        foreach (ref var value in vector.AsSpan()) value = (float)(thing.NextGaussian() + 0.8 * noise.NextGaussian());
        return vector;
    }

    /// <summary>Returns a query that equals no row.</summary>
    public static float[] Query(int number, int width) => Of(int.MaxValue - number, width);
}
