using System.Globalization;
using System.Net;
using System.Text;

namespace MetricLearning.Benchmarks;

/// <summary>Horizontal bars that start at 1, on a logarithmic axis, as SVG.</summary>
internal static class BarChart
{
    private const double Left = 310, Width = 820, RowHeight = 18, Top = 56;

    /// <param name="title">The title above the bars.</param>
    /// <param name="axis">The meaning of the numbers.</param>
    /// <param name="unit">The unit after each number.</param>
    /// <param name="bars">A label, a number above 0 and a color for each bar.</param>
    public static string Draw(string title, string axis, string unit, IReadOnlyList<(string Label, double Value, string Color)> bars)
    {
        var low = Math.Pow(10, Math.Floor(Math.Log10(Math.Min(0.99, bars.Min(bar => bar.Value)))));
        var high = Math.Pow(10, Math.Ceiling(Math.Log10(bars.Max(bar => bar.Value) * 1.01)));
        double X(double value) => Left + (Width - Left - 70) * Math.Log(value / low) / Math.Log(high / low);
        var height = Top + bars.Count * RowHeight + 20;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {height}" width="{Width}" height="{height}"
                font-family="Helvetica, Arial, sans-serif" font-size="12">
            <rect width="{Width}" height="{height}" fill="#ffffff"/>
            <text x="10" y="20" font-size="15" font-weight="bold" fill="#222222">{Text(title)}</text>
            <text x="10" y="38" fill="#555555">{Text(axis)}</text>

            """);
        for (var tick = low; tick <= high * 1.001; tick *= 10)
            svg.Append(CultureInfo.InvariantCulture, $"""
                <line x1="{N(X(tick))}" x2="{N(X(tick))}" y1="{Top - 4}" y2="{height - 18}"
                    stroke="{(Math.Abs(tick - 1) < 1e-9 ? "#444444" : "#dddddd")}"/>
                <text x="{N(X(tick))}" y="{height - 5}" text-anchor="middle" fill="#555555">{Text($"{N(tick)}{unit}")}</text>

                """);
        foreach (var (i, (label, value, color)) in bars.Index())
        {
            var (y, from, to) = (Top + i * RowHeight, Math.Min(X(1), X(value)), Math.Max(X(1), X(value)));
            svg.Append(CultureInfo.InvariantCulture, $"""
                <text x="{Left - 8}" y="{y + 13}" text-anchor="end" fill="#222222">{Text(label)}</text>
                <rect x="{N(from)}" y="{y + 2}" width="{N(Math.Max(1, to - from))}" height="{RowHeight - 5}" fill="{color}"/>
                <text x="{N(to + 5)}" y="{y + 13}" fill="#222222">{Text(Figure.Of(value) + unit)}</text>

                """);
        }
        return svg.Append("</svg>\n").ToString();
    }

    private static string N(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
