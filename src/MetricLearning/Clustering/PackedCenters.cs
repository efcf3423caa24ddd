namespace MetricLearning;

/// <summary>Centers in float32, packed for <see cref="TileProduct"/>, with what the error bound of their products needs.</summary>
internal sealed unsafe class PackedCenters
{
    /// <summary>Packs some of the centers.</summary>
    /// <param name="among">Their numbers.</param>
    /// <param name="centers">All centers, float64.</param>
    /// <param name="width">D.</param>
    /// <param name="scale">A factor on the centers, a power of 2.</param>
    public PackedCenters(int[] among, double* centers, int width, double scale)
    {
        Among = among;
        Stride = (among.Length + TileProduct.Right - 1) / TileProduct.Right * TileProduct.Right;
        (Panels, HalfSquares, Lengths) = (new float[(long)Stride * width], new float[Stride], new float[Stride]);
        // A column of padding is never the nearest.
        Array.Fill(HalfSquares, float.PositiveInfinity, among.Length, Stride - among.Length);
        for (var j = 0; j < among.Length; j++)
        {
            var center = centers + (long)among[j] * width;
            var first = (long)(j - j % TileProduct.Right) * width + j % TileProduct.Right;
            for (var k = 0; k < width; k++) Panels[first + (long)k * TileProduct.Right] = (float)(center[k] * scale);
            var square = SimdRows.Dot(center, center, width) * scale * scale;
            (HalfSquares[j], Lengths[j]) = ((float)(square / 2), RoundedUp(Math.Sqrt(square)));
            Longest = Math.Max(Longest, Lengths[j]);
        }
    }

    /// <summary>The numbers of the centers.</summary>
    public int[] Among { get; }

    /// <summary>The number of centers in whole panels.</summary>
    public int Stride { get; }

    /// <summary>The panels of the right side.</summary>
    public float[] Panels { get; }

    /// <summary>½‖c‖² of each center; ∞ for padding.</summary>
    public float[] HalfSquares { get; }

    /// <summary>‖c‖ of each center, rounded up; 0 for padding.</summary>
    public float[] Lengths { get; }

    /// <summary>The greatest length.</summary>
    public float Longest { get; }

    /// <summary>Rounds a length up to a float.</summary>
    public static float RoundedUp(double length) => (float)(length * (1 + 1e-6));
}
