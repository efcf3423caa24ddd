using System.Globalization;

namespace MetricLearning;

/// <summary>A figure and the interval that contains its true value with the given confidence.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Estimate">The figure.</param>
/// <param name="Low">The lower end.</param>
/// <param name="High">The upper end.</param>
/// <param name="Confidence">The confidence, such as 0.95.</param>
public readonly record struct ConfidenceInterval(double Estimate, double Low, double High, double Confidence)
{
    /// <summary>Formats the interval, for example <c>0.8123 [0.7990, 0.8251]</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Estimate:F4} [{Low:F4}, {High:F4}]");
}
