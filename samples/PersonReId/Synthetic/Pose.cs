using MetricLearning;

namespace PersonReId.Synthetic;

/// <summary>How a person stands or walks in one image, and from which side the camera sees the person.</summary>
/// <param name="Yaw">In radians: 0 faces the camera, π/2 walks to the right, π walks away.</param>
/// <param name="Phase">The phase of the stride, in radians.</param>
/// <param name="Stride">How far the legs swing, in radians; 0 for a person who stands.</param>
/// <param name="Elbow">How far the elbows are bent, in radians.</param>
internal readonly record struct Pose(double Yaw, double Phase, double Stride, double Elbow)
{
    /// <summary>A random pose around a walking direction.</summary>
    public static Pose Draw(SeededRandom random, double yaw) => new(
        yaw + 0.28 * random.NextGaussian(),
        random.NextDouble(0, 2 * Math.PI),
        random.NextDouble() < 0.2 ? random.NextDouble(0, 0.08) : random.NextDouble(0.28, 0.55),
        random.NextDouble() < 0.15 ? random.NextDouble(0.9, 1.5) : random.NextDouble(0.1, 0.5));
}
