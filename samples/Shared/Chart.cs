using System.Globalization;
using System.Net;
using System.Text;

namespace MetricLearning.Samples;

/// <summary>A line of a chart; <paramref name="Tone"/> is one of the page's CSS colors (<c>--before</c>, <c>--after</c>, ...).</summary>
internal sealed record Series(string Name, string Tone, IReadOnlyList<(double X, double Y)> Points, bool Area = false, bool Dashed = false);

/// <summary>Charts as inline SVG: axes with round ticks and labels, a legend, and colors from the page's style.</summary>
internal sealed class Chart
{
    private const double Width = 560, Height = 340, Left = 62, Right = 18, Top = 40, Bottom = 52;
    private static readonly string[] marks = ["●", "▲", "■", "◆", "▼", "✚"];

    public required string XLabel { get; init; }
    public required string YLabel { get; init; }
    public double? YMin { get; init; }
    public double? YMax { get; init; }
    public double? XMin { get; init; }
    public double? XMax { get; init; }
    public string YFormat { get; init; } = "0.###";
    public string XFormat { get; init; } = "0.###";

    /// <summary>Lines or filled areas over one pair of axes.</summary>
    public string Lines(string description, params IReadOnlyList<Series> series)
    {
        series = [.. series.Select(s => s with { Points = [.. s.Points.Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y))] })
            .Where(s => s.Points.Count > 0)];
        if (series.Count == 0) return "";
        var points = series.SelectMany(s => s.Points).ToList();
        var x = new Axis(XMin ?? points.Min(p => p.X), XMax ?? points.Max(p => p.X), Left, Width - Right, XMin.HasValue || XMax.HasValue);
        var y = new Axis(YMin ?? points.Min(p => p.Y), YMax ?? points.Max(p => p.Y), Height - Bottom, Top, false);
        var svg = Begin($"{description}. {string.Join(' ', series.Select(Describe))}", x, y);
        foreach (var line in series)
        {
            var path = string.Join(' ', line.Points.Select((p, i) => $"{(i == 0 ? 'M' : 'L')}{N(x.At(p.X))} {N(y.At(p.Y))}"));
            if (line.Area)
            {
                var (left, right, floor) = (N(x.At(line.Points[0].X)), N(x.At(line.Points[^1].X)), N(y.At(y.Low)));
                svg.Append(CultureInfo.InvariantCulture,
                    $"""<path class="area" style="fill:var({line.Tone})" d="{path} L{right} {floor} L{left} {floor} Z"/>""");
            }
            svg.Append(CultureInfo.InvariantCulture,
                $"""<path class="{ClassOf(line)}" style="stroke:var({line.Tone})" d="{path}"/>""");
            if (line.Points.Count <= 30 && !line.Area)
                foreach (var p in line.Points)
                    svg.Append(CultureInfo.InvariantCulture,
                        $"""<circle r="3" cx="{N(x.At(p.X))}" cy="{N(y.At(p.Y))}" style="fill:var({line.Tone})">"""
                        + $"""<title>{Text(line.Name)}: {F(p.Y, YFormat)} at {F(p.X, XFormat)}</title></circle>""");
        }
        Legend(svg, series);
        return svg.Append("</svg>").ToString();
    }

    /// <summary>Points in the plane. Each group has its own color and mark.</summary>
    public static string Scatter(string description, IReadOnlyList<ProjectedPoint> points)
    {
        if (points.Count == 0) return "";
        const double size = 420, margin = 14;
        var scale = (size - 2 * margin) / 2;
        var far = points.Max(p => Math.Max(Math.Abs(p.X), Math.Abs(p.Y)));
        if (!(far > 0)) far = 1;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture,
            $"""<svg viewBox="0 0 {size} {size + 20}" role="img" aria-label="{Text(description)}">"""
            + $"""<rect class="frame" x="1" y="1" width="{size - 2}" height="{size - 2}" rx="6"/>""");
        foreach (var p in points)
        {
            var (px, py) = (size / 2 + p.X / far * scale, size / 2 - p.Y / far * scale);
            svg.Append(CultureInfo.InvariantCulture,
                $"""<text class="mark" x="{N(px)}" y="{N(py)}" style="fill:var(--g{p.Group % 8})">"""
                + $"""{marks[p.Group % marks.Length]}<title>{Text(p.Name)}</title></text>""");
        }
        svg.Append(CultureInfo.InvariantCulture,
            $"""<text class="label" x="{size / 2}" y="{size + 15}" text-anchor="middle">"""
            + $"""first component → · second component ↑</text></svg>""");
        return svg.ToString();
    }

    /// <summary>Says in words what a line shows, for readers who do not see it.</summary>
    private string Describe(Series line)
    {
        return $"{line.Name}: from {At(line.Points[0])} to {At(line.Points[^1])}, highest {At(line.Points.MaxBy(p => p.Y))}.";

        string At((double X, double Y) point) => $"{F(point.Y, YFormat)} at {F(point.X, XFormat)}";
    }

    private StringBuilder Begin(string description, Axis x, Axis y)
    {
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture,
            $"""<svg viewBox="0 0 {Width} {Height}" role="img" aria-label="{Text(description)}">""");
        foreach (var tick in y.Ticks)
            svg.Append(CultureInfo.InvariantCulture,
                $"""<line class="grid" x1="{Left}" x2="{Width - Right}" y1="{N(y.At(tick))}" y2="{N(y.At(tick))}"/>"""
                + $"""<text class="tick" x="{Left - 8}" y="{N(y.At(tick) + 4)}" text-anchor="end">{F(tick, YFormat)}</text>""");
        const double bottom = Height - Bottom;
        foreach (var tick in x.Ticks)
            svg.Append(CultureInfo.InvariantCulture,
                $"""<line class="notch" x1="{N(x.At(tick))}" x2="{N(x.At(tick))}" y1="{bottom}" y2="{bottom + 5}"/>"""
                + $"""<text class="tick" x="{N(x.At(tick))}" y="{bottom + 19}" text-anchor="middle">{F(tick, XFormat)}</text>""");
        svg.Append(CultureInfo.InvariantCulture,
            $"""<line class="axis" x1="{Left}" x2="{Width - Right}" y1="{bottom}" y2="{bottom}"/>"""
            + $"""<text class="label" x="{(Left + Width - Right) / 2}" y="{Height - 10}" text-anchor="middle">{Text(XLabel)}</text>"""
            + $"""<text class="label" transform="translate(15 {(Top + bottom) / 2}) rotate(-90)" text-anchor="middle">"""
            + $"""{Text(YLabel)}</text>""");
        return svg;
    }

    private static void Legend(StringBuilder svg, IReadOnlyList<Series> series)
    {
        const int longest = 28;
        var x = Left;
        foreach (var line in series)
        {
            var name = line.Name.Length <= longest ? line.Name : line.Name[..(longest - 1)] + "…";
            svg.Append(CultureInfo.InvariantCulture,
                $"""<line class="{ClassOf(line)}" style="stroke:var({line.Tone})" x1="{N(x)}" x2="{N(x + 22)}" y1="18" y2="18"/>"""
                + $"""<text class="tick" x="{N(x + 28)}" y="22">{Text(name)}</text>""");
            x += 46 + name.Length * 7.2;
        }
    }

    private static string ClassOf(Series line) => line.Dashed ? "line dashed" : "line";
    private static string N(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
    private static string F(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
    private static string Text(string text) => WebUtility.HtmlEncode(text);

    /// <summary>Maps values to the page, and places ticks at round numbers.</summary>
    private sealed class Axis
    {
        private static readonly double[] roundSteps = [1, 2, 5, 10];
        private readonly double from, to, high;

        public Axis(double low, double high, double from, double to, bool exact)
        {
            if (!(high > low)) high = low + Math.Max(1e-6, Math.Abs(low) * 0.1);
            var rough = (high - low) / 5;
            var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
            var step = roundSteps.Select(m => m * power).First(s => s >= rough * 0.999);
            Low = exact ? low : Math.Floor(low / step + 1e-9) * step;
            this.high = exact ? high : Math.Ceiling(high / step - 1e-9) * step;
            (this.from, this.to) = (from, to);
            var first = Math.Ceiling(Low / step - 1e-9);
            Ticks = [.. Enumerable.Range(0, 12).Select(i => (first + i) * step).Where(t => t <= this.high + step * 1e-6)];
        }

        public double Low { get; }
        public IReadOnlyList<double> Ticks { get; }

        public double At(double value) => from + (value - Low) / (high - Low) * (to - from);
    }
}
