using System.Globalization;

namespace MetricLearning.Benchmarks;

/// <summary>Text in the cells of printed tables.</summary>
internal static class Cell
{
    /// <summary>A number, or a dash for one that was not measured.</summary>
    public static string Of(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "–";
}
