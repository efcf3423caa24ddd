namespace MetricLearning.Vision;

/// <summary>Checks settings that have one number per channel: red, green and blue, or one for gray.</summary>
internal static class ChannelValues
{
    /// <summary>The mean color of ImageNet, in 0 … 1.</summary>
    public static IReadOnlyList<float> ImageNetMean { get; } = [0.485f, 0.456f, 0.406f];

    /// <summary>A copy of three finite numbers, or of one if that is allowed.</summary>
    public static IReadOnlyList<float> Checked(IReadOnlyList<float> value, string name, bool orGray = false)
    {
        if (value.Count != 3 && !(orGray && value.Count == 1))
            throw new ArgumentException(
                $"{name} must be three numbers (red, green, blue){(orGray ? " or one (gray)" : "")}, got {value.Count}.", name);
        foreach (var number in value) Guard.Within(number, float.MinValue, float.MaxValue, name);
        return [.. value];
    }
}
