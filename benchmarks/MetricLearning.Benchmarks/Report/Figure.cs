using System.Globalization;

namespace MetricLearning.Benchmarks;

/// <summary>A number as tables and plots print it.</summary>
internal static class Figure
{
    /// <summary>Formats three digits, or all digits before the point if there are more; an empty text if there is no number.</summary>
    public static string Of(double? number) =>
        number?.ToString(Math.Abs(number.Value) < 999.5 ? "G3" : "N0", CultureInfo.InvariantCulture) ?? "";
}
