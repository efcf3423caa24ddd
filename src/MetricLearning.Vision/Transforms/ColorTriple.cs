namespace MetricLearning.Vision;

/// <summary>Triples of numbers for red, green and blue.</summary>
internal static class ColorTriple
{
    public static IReadOnlyList<float> ImageNetMean { get; } = [0.485f, 0.456f, 0.406f];

    public static IReadOnlyList<float> Checked(IReadOnlyList<float> value, string name, bool orGray = false)
    {
        if (value.Count != 3 && !(orGray && value.Count == 1))
            throw new ArgumentException(
                $"{name} must be three numbers (red, green, blue){(orGray ? " or one (gray)" : "")}, got {value.Count}.", name);
        foreach (var number in value) Guard.Within(number, float.MinValue, float.MaxValue, name);
        return [.. value];
    }
}
