namespace MetricLearning.Search.Tests;

/// <summary>Kinds of rows that are hard to search exactly.</summary>
public enum RowKind
{
    /// <summary>Normal numbers.</summary>
    Plain,

    /// <summary>Features like those of a network that ends with a ReLU: no number is below 0, and rows lie around a few
    /// identities.</summary>
    Rectified,

    /// <summary>Many rows are equal.</summary>
    Ties,

    /// <summary>Rows that differ from one row in the last bit of a few numbers.</summary>
    NearTwins,

    /// <summary>A large common offset and small differences.</summary>
    HugeOffset,

    /// <summary>Lengths about 1e-30.</summary>
    TinyNorms,

    /// <summary>Numbers below the smallest normal float32.</summary>
    Denormals,

    /// <summary>Lengths from 1e-35 to 1e35.</summary>
    MixedLengths,

    /// <summary>A few numbers are large, all others are 0.</summary>
    Sparse,
}

/// <summary>Rows drawn from a seed.</summary>
internal static class DrawnRows
{
    public static float[][] Of(RowKind kind, int count, int width, int seed)
    {
        var random = new Random(seed);
        var (common, centers) = (Normal(random, width), Enumerable.Range(0, 10).Select(_ => Normal(random, width)).ToArray());
        return [.. Enumerable.Range(0, count).Select(i => Row(kind, random, width, common, centers[random.Next(centers.Length)]))];
    }

    private static float[] Row(RowKind kind, Random random, int width, float[] common, float[] center)
    {
        var normal = Normal(random, width);
        return kind switch
        {
            RowKind.Rectified => [.. normal.Zip(center, (x, c) => Math.Max(0, c + 0.5f * x) + 0.01f)],
            RowKind.Ties => center,
            RowKind.NearTwins => [.. common.Select(c => random.Next(width) < 3 ? MathF.BitIncrement(c) : c)],
            RowKind.HugeOffset => [.. normal.Select(x => 1e6f + x)],
            RowKind.TinyNorms => [.. normal.Select(x => 1e-30f * x)],
            RowKind.Denormals => [.. normal.Select(x => BitConverter.Int32BitsToSingle(1 + (int)(100 * Math.Abs(x))))],
            RowKind.MixedLengths => Scaled(normal, MathF.Pow(10, random.Next(-35, 36))),
            RowKind.Sparse => [.. normal.Select((x, i) => i == 0 || random.Next(10) == 0 ? 100 * x : 0)],
            _ => normal,
        };
    }

    private static float[] Scaled(float[] row, float factor) => Array.ConvertAll(row, x => x * factor);

    private static float[] Normal(Random random, int width)
    {
        var row = new float[width];
        for (var i = 0; i < width; i++)
            row[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return row;
    }
}
