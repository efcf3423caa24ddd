using System.Numerics;

namespace ProductSearch.Drawing;

/// <summary>A depth buffer: it holds the triangle that is nearest to the camera at each pixel.</summary>
internal sealed class Front
{
    private readonly int side;
    private readonly float[] depths;

    public Front(int side)
    {
        (this.side, depths) = (side, new float[side * side]);
        (Triangle, Weights) = (new int[side * side], new Vector3[side * side]);
        Array.Fill(depths, float.MaxValue);
        Array.Fill(Triangle, -1);
    }

    /// <summary>The number of the triangle at each pixel; -1 if there is none.</summary>
    public int[] Triangle { get; }

    /// <summary>The weights of the triangle's corners.</summary>
    public Vector3[] Weights { get; }

    /// <summary>Adds triangles: three corners each, in pixels, with the distance from the camera as z.</summary>
    public void Add(ReadOnlySpan<Vector3> corners)
    {
        for (var i = 0; i + 2 < corners.Length; i += 3) Add(i / 3, corners[i], corners[i + 1], corners[i + 2]);
    }

    private void Add(int triangle, Vector3 a, Vector3 b, Vector3 c)
    {
        var area = (b.X - a.X) * (c.Y - a.Y) - (b.Y - a.Y) * (c.X - a.X);
        if (MathF.Abs(area) < 1e-6f) return;
        int left = Pixel(MathF.Min(a.X, MathF.Min(b.X, c.X))), right = Pixel(MathF.Max(a.X, MathF.Max(b.X, c.X)));
        int top = Pixel(MathF.Min(a.Y, MathF.Min(b.Y, c.Y))), bottom = Pixel(MathF.Max(a.Y, MathF.Max(b.Y, c.Y)));
        for (var y = top; y <= bottom; y++)
            for (var x = left; x <= right; x++)
            {
                var (px, py, pixel) = (x + 0.5f, y + 0.5f, y * side + x);
                var u = ((b.X - px) * (c.Y - py) - (b.Y - py) * (c.X - px)) / area;
                var v = ((c.X - px) * (a.Y - py) - (c.Y - py) * (a.X - px)) / area;
                var w = 1 - u - v;
                var depth = u * a.Z + v * b.Z + w * c.Z;
                if (u < 0 || v < 0 || w < 0 || depth >= depths[pixel]) continue;
                (depths[pixel], Triangle[pixel], Weights[pixel]) = (depth, triangle, new Vector3(u, v, w));
            }

        int Pixel(float value) => Math.Clamp((int)MathF.Floor(value), 0, side - 1);
    }
}
