extern alias sample;

using System.Text;
using MetricLearning.Vision;
using sample::MetricLearning.Samples;

namespace MetricLearning.Tests;

/// <summary>Tests the parts of the samples' report: images, charts and tables of figures.</summary>
public sealed class ReportTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("report").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Images_AreSmall_AndOfATypeThatBrowsersShow()
    {
        var random = new SeededRandom(1);
        var noise = new byte[3 * 1500 * 1000];
        foreach (ref var value in noise.AsSpan()) value = (byte)random.NextInt(256);
        var large = Picture.FromRgb(noise, 1500, 1000);
        var small = Picture.FromRgb(noise.AsSpan(0, 3 * 8 * 6), 8, 6);

        var reduced = Decoded(Written("large.png", Pictures.Png(large)), "image/jpeg");
        Assert.Equal((320, 213), (reduced.Width, reduced.Height));
        foreach (var (bytes, type) in new[] { (Pictures.Png(small), "image/png"), (Pictures.Jpeg(small), "image/jpeg") })
            Assert.Equal($"data:{type};base64,{Convert.ToBase64String(bytes)}", Pictures.Inline(Written("small.image", bytes)));
        foreach (var (name, text) in new[] { ("a.pbm", "P1 2 1 0 1"), ("a.pgm", "P2 2 1 9 0 9"), ("a.ppm", "P3 1 1 9 0 9 9"),
            ("a.pnm", "P1 1 1 0") })
            Decoded(Written(name, Encoding.ASCII.GetBytes(text)), "image/png");
        var secret = Written("secret.jpg", "secret"u8.ToArray());
        Assert.Contains(secret, Assert.Throws<InvalidDataException>(() => Pictures.Inline(secret)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Charts_LeaveOutWhatIsNoNumber_AndSayWhatTheyShow()
    {
        var chart = new Chart { XLabel = "x", YLabel = "y" };
        var svg = chart.Lines("a chart", new Series("one", "--g0", [(0, 1), (1, double.NaN), (2, 3), (3, double.PositiveInfinity)]),
            new Series("none", "--g1", [(0, double.NaN)], Area: true));
        Assert.DoesNotContain("NaN", svg, StringComparison.Ordinal);
        Assert.DoesNotContain("∞", svg, StringComparison.Ordinal);
        Assert.Contains("aria-label=\"a chart. one: from 1 at 0 to 3 at 2, highest 3 at 2.\"", svg, StringComparison.Ordinal);
        Assert.Equal("", chart.Lines("nothing", new Series("none", "--g1", [(double.NaN, 1)])));
    }

    /// <summary>If no test can be computed, its p is shown as missing.</summary>
    [Fact]
    public void AComparisonWithoutValues_HasNoNumbers()
    {
        var valid = new QueryFigures([1, 0.5], [1, 0], [1, 0.5]);
        var none = new QueryFigures([double.NaN, double.NaN], [double.NaN, double.NaN], [double.NaN, double.NaN]);
        var cells = Comparison.Table(("a", valid), ("b", none), [1, 2], TestContext.Current.CancellationToken).SelectMany(row => row);
        Assert.DoesNotContain(cells, cell => cell.Contains("NaN", StringComparison.Ordinal));
    }

    private static Picture Decoded(string path, string type)
    {
        var start = $"data:{type};base64,";
        var uri = Pictures.Inline(path);
        Assert.StartsWith(start, uri, StringComparison.Ordinal);
        return Picture.Load(Convert.FromBase64String(uri[start.Length..]));
    }

    private string Written(string name, byte[] bytes)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
