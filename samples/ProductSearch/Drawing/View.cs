using System.Numerics;
using MetricLearning;

namespace ProductSearch.Drawing;

/// <summary>The view of a picture: the position of the camera, the light and the background.</summary>
internal sealed record View
{
    /// <summary>The angle around the thing, in radians.</summary>
    public required float Yaw { get; init; }

    /// <summary>How far the camera looks down, in radians.</summary>
    public required float Pitch { get; init; }

    /// <summary>How far the camera is tilted to a side, in radians.</summary>
    public float Roll { get; init; }

    /// <summary>The size of the thing in the picture; at 1 it fills most of it.</summary>
    public float Zoom { get; init; } = 1;

    /// <summary>How far the thing is from the middle, as a share of the picture.</summary>
    public Vector2 Shift { get; init; }

    /// <summary>The direction to the light, of length 1.</summary>
    public required Vector3 Light { get; init; }

    /// <summary>The color of the light.</summary>
    public Vector3 LightColor { get; init; } = Vector3.One;

    /// <summary>The share of light that comes from everywhere.</summary>
    public float Ambient { get; init; } = 0.5f;

    /// <summary>The colors of the wall at the top and at the bottom, and of the ground.</summary>
    public required (Vector3 Top, Vector3 Bottom, Vector3 Ground) Background { get; init; }

    /// <summary>The contrast of the ground's grain; 0 for a smooth ground.</summary>
    public float Grain { get; init; }

    /// <summary>The standard deviation of the sensor's noise.</summary>
    public float Noise { get; init; }

    /// <summary>The seed of the grain and of the noise.</summary>
    public uint Seed { get; init; }

    /// <summary>A picture as a catalogue shows it: soft light and a bright, even background.</summary>
    public static View OfCatalogue(float yaw) => new()
    {
        Yaw = yaw, Pitch = 0.32f, Light = Vector3.Normalize(new(-0.5f, 0.9f, 0.7f)), Ambient = 0.6f,
        Background = (new(0.97f), new(0.94f), new(0.93f)),
    };

    /// <summary>A picture as somebody takes it at home: any side, light, background and crop.</summary>
    public static View AtHome(SeededRandom random)
    {
        var warm = Number(-0.13, 0.13);
        var wall = Muted();
        return new View
        {
            Yaw = Number(0, 2 * Math.PI), Pitch = Number(0.05, 0.75), Roll = Number(-0.15, 0.15), Zoom = Number(0.72, 1.08),
            Shift = new(Number(-0.06, 0.06), Number(-0.05, 0.05)),
            Light = Vector3.Normalize(new(Number(-1, 1), Number(0.5, 1.2), Number(0.1, 1))),
            LightColor = Number(0.75, 1.15) * new Vector3(1 + warm, 1, 1 - warm), Ambient = Number(0.35, 0.7),
            Background = (wall, wall * Number(0.75, 1), Muted()), Grain = Number(0, 0.25), Noise = Number(0, 0.025),
            Seed = (uint)random.NextUInt64(),
        };

        float Number(double low, double high) => (float)random.NextDouble(low, high);

        Vector3 Muted()
        {
            var gray = Number(0.25, 0.95);
            return Vector3.Clamp(new(gray + Number(-0.15, 0.15), gray + Number(-0.1, 0.1), gray + Number(-0.15, 0.15)), Vector3.Zero,
                Vector3.One);
        }
    }
}
