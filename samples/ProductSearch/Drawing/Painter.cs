using System.Numerics;

namespace ProductSearch.Drawing;

/// <summary>Paints a thing in a view: it draws triangles with a depth buffer, a light, highlights, and a shadow on the ground.</summary>
internal static class Painter
{
    /// <summary>The number of painted pixels along each side of a pixel of the result. Their mean smooths edges.</summary>
    private const int Finer = 2;

    private const float Distance = 4.2f, Focus = 3.4f;

    /// <summary>The picture: red, green and blue [size, size, 3] as bytes.</summary>
    public static byte[] Paint(Mesh mesh, View view, int size)
    {
        var side = size * Finer;
        var colors = new Vector3[side * side];

        // Scales the thing to a ball of radius 1 that stands on the ground.
        var (low, high) = mesh.Bounds;
        var middle = (low + high) / 2;
        var scale = 2 / Vector3.Distance(low, high);
        var ground = (low.Y - middle.Y) * scale;
        var place = Matrix4x4.CreateTranslation(-middle) * Matrix4x4.CreateScale(scale) * Matrix4x4.CreateRotationY(view.Yaw);
        var camera = Matrix4x4.CreateRotationX(view.Pitch) * Matrix4x4.CreateRotationZ(view.Roll);

        PaintBackground(colors, view, camera, ground, side);
        var positions = mesh.Corners.Select(corner => Vector3.Transform(corner.Position, place)).ToArray();
        PaintShadow(colors, positions, view, camera, ground, side);

        var toCamera = Vector3.Transform(Vector3.UnitZ, Matrix4x4.Transpose(camera));
        var half = Vector3.Normalize(view.Light + toCamera);
        var seen = new Front(side);
        for (var i = 0; i < positions.Length; i++) positions[i] = Project(positions[i], camera, view, side);
        seen.Add(positions);
        for (var pixel = 0; pixel < colors.Length; pixel++)
        {
            if (seen.Triangle[pixel] < 0) continue;
            var (triangle, weights) = (seen.Triangle[pixel], seen.Weights[pixel]);
            var (a, b, c) = (mesh.Corners[3 * triangle], mesh.Corners[3 * triangle + 1], mesh.Corners[3 * triangle + 2]);
            var normal = Vector3.Normalize(Vector3.TransformNormal(
                a.Normal * weights.X + b.Normal * weights.Y + c.Normal * weights.Z, place));
            if (Vector3.Dot(normal, toCamera) < 0) normal = -normal;       // the inside of an open thing
            var material = mesh.Materials[triangle];
            var color = material.At(a.Texture * weights.X + b.Texture * weights.Y + c.Texture * weights.Z);
            var lit = view.Ambient + (1 - view.Ambient) * 1.15f * MathF.Max(0, Vector3.Dot(normal, view.Light));
            var shine = material.Shine * MathF.Pow(MathF.Max(0, Vector3.Dot(normal, half)), 28);
            colors[pixel] = (color * lit + new Vector3(shine)) * view.LightColor;
        }
        return Develop(colors, view, size);
    }

    /// <summary>A point in pixels, and its distance from the camera.</summary>
    private static Vector3 Project(Vector3 point, Matrix4x4 camera, View view, int side)
    {
        var seen = Vector3.Transform(point, camera);
        var depth = Distance - seen.Z;
        var zoom = Focus * view.Zoom / depth * side / 1.9f;
        return new Vector3(side * (0.5f + view.Shift.X) + seen.X * zoom, side * (0.5f + view.Shift.Y) - seen.Y * zoom, depth);
    }

    private static void PaintBackground(Vector3[] colors, View view, Matrix4x4 camera, float ground, int side)
    {
        // The wall meets the ground behind the thing.
        var horizon = Project(new Vector3(0, ground, -1.3f), camera, view, side).Y;
        for (var y = 0; y < side; y++)
            for (var x = 0; x < side; x++)
            {
                var wall = Vector3.Lerp(view.Background.Top, view.Background.Bottom, Math.Clamp(y / MathF.Max(1, horizon), 0, 1));
                var grain = 1 + view.Grain * (Noise((x + 7 * y) / 40, y, view.Seed) - 0.5f);
                var line = horizon + (x - side / 2f) * MathF.Tan(-view.Roll);
                var edge = Math.Clamp((y - line) / (0.04f * side) + 0.5f, 0, 1);
                colors[y * side + x] = Vector3.Lerp(wall, view.Background.Ground * grain, edge) * view.LightColor;
            }
    }

    private static void PaintShadow(Vector3[] colors, Vector3[] positions, View view, Matrix4x4 camera, float ground, int side)
    {
        var fall = view.Light / MathF.Max(0.35f, view.Light.Y);
        var points = positions.Select(position => Project(position - fall * (position.Y - ground), camera, view, side)).ToArray();
        var dark = new Front(side);
        dark.Add(points);
        float[] shadow = [.. dark.Triangle.Select(triangle => triangle < 0 ? 0f : 1)];
        var blurred = Blur(Blur(shadow, side, 1, side / 40), side, side, side / 40);
        for (var i = 0; i < colors.Length; i++) colors[i] *= 1 - 0.45f * (1 - view.Ambient * 0.7f) * blurred[i];
    }

    /// <summary>Computes the mean over a window along rows (step 1) or along columns (step <paramref name="side"/>).</summary>
    private static float[] Blur(float[] values, int side, int step, int radius)
    {
        var result = new float[values.Length];
        for (var line = 0; line < side; line++)
        {
            var start = step == 1 ? line * side : line;
            var sum = 0f;
            for (var i = -radius; i < side; i++)
            {
                if (i + radius < side) sum += values[start + (i + radius) * step];
                if (i - radius - 1 >= 0) sum -= values[start + (i - radius - 1) * step];
                if (i >= 0) result[start + i * step] = MathF.Max(0, sum) / (2 * radius + 1);
            }
        }
        return result;
    }

    private static byte[] Develop(Vector3[] colors, View view, int size)
    {
        var result = new byte[size * size * 3];
        for (var y = 0; y < size; y++)
            for (var x = 0; x < size; x++)
            {
                var sum = Vector3.Zero;
                for (var fine = 0; fine < Finer * Finer; fine++)
                    sum += Vector3.Clamp(colors[(y * Finer + fine / Finer) * size * Finer + x * Finer + fine % Finer], Vector3.Zero,
                        Vector3.One);
                var mean = sum / (Finer * Finer);
                for (var channel = 0; channel < 3; channel++)
                {
                    // The sum of three numbers is close enough to a normal number of variance 1/4.
                    var noise = Noise(x, y, view.Seed + (uint)channel) + Noise(x, y, view.Seed + 11 + (uint)channel)
                        + Noise(x, y, view.Seed + 23 + (uint)channel) - 1.5f;
                    result[(y * size + x) * 3 + channel] = (byte)Math.Clamp(255 * (mean[channel] + 2 * view.Noise * noise) + 0.5f, 0, 255);
                }
            }
        return result;
    }

    /// <summary>A number in [0, 1] that looks random, from a place and a seed.</summary>
    private static float Noise(int x, int y, uint seed)
    {
        var hash = (uint)x * 0x9E3779B1 ^ (uint)y * 0x85EBCA77 ^ seed * 0xC2B2AE3D;
        hash = (hash ^ hash >> 15) * 0x2C1B3C6D;
        hash = (hash ^ hash >> 12) * 0x297A2D39;
        return (hash ^ hash >> 15) / 4294967296f;
    }
}
