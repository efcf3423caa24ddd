using System.Text.Json;
using System.Text.Json.Nodes;

namespace MetricLearning.Samples;

/// <summary>The headline numbers of an evaluation; shares are in [0, 1], or NaN if no query has a match.</summary>
internal sealed record Figures(double MAP, double MAPTrapezoid, double MINP, double Rank1, double Rank5, double Rank10, int ValidQueries)
{
    private static readonly JsonSerializerOptions layout = new() { WriteIndented = true };

    public static Figures Of(RetrievalReport report)
    {
        return new(report.MeanAveragePrecision, report.MeanAveragePrecisionTrapezoid, report.MeanInverseNegativePenalty, Rank(1), Rank(5),
            Rank(10),
            report.ValidQueries);

        // If the gallery has fewer than k images, rank k covers all of them.
        double Rank(int k) => report.Cmc.Count == 0 ? double.NaN : report.RankAt(Math.Min(k, report.Cmc.Count));
    }

    /// <summary>The table that programs print, one row per name.</summary>
    public static IReadOnlyList<string[]> Table(params IEnumerable<(string Name, Figures Figures)> rows) =>
    [
        ["%", "rank-1", "rank-5", "rank-10", "mAP", "mAP trapezoid", "mINP", "valid queries"],
        .. rows.Select(row => new[]
        {
            row.Name, Ui.Percent(row.Figures.Rank1), Ui.Percent(row.Figures.Rank5), Ui.Percent(row.Figures.Rank10),
            Ui.Percent(row.Figures.MAP), Ui.Percent(row.Figures.MAPTrapezoid), Ui.Percent(row.Figures.MINP), $"{row.Figures.ValidQueries}",
        }),
    ];

    /// <summary>The figures in full precision, under the keys that all programs use; NaN becomes null.</summary>
    public JsonObject ToJson() => new()
    {
        ["mAP"] = Number(MAP),
        ["mAP_trapezoid"] = Number(MAPTrapezoid),
        ["mINP"] = Number(MINP),
        ["rank1"] = Number(Rank1),
        ["rank5"] = Number(Rank5),
        ["rank10"] = Number(Rank10),
        ["validQueries"] = ValidQueries,
    };

    /// <summary>A number as JSON can hold it: null for NaN and infinities.</summary>
    public static JsonNode? Number(double value) => double.IsFinite(value) ? value : null;

    public static void Write(FileInfo file, JsonObject json)
    {
        var text = json.ToJsonString(layout);
        TextFile.Write(file.FullName, writer => writer.Write($"{text}\n"));
    }
}
