namespace MetricLearning.Onnx.Runtime.Tests;

/// <summary>Images of random pixels.</summary>
internal static class RandomImage
{
    /// <summary>The contents of a PPM file.</summary>
    public static byte[] Of(int width, int height, ulong seed)
    {
        var random = new SeededRandom(seed);
        var pixels = new byte[3 * width * height];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)random.NextInt(256);
        return [.. System.Text.Encoding.ASCII.GetBytes($"P6 {width} {height} 255\n"), .. pixels];
    }
}
