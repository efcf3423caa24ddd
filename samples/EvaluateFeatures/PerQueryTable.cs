using System.Globalization;

namespace EvaluateFeatures;

/// <summary>Writes the figures of each query as a CSV table, quoted as in RFC 4180. If there is a second model, the table also has the rank
/// of its first match and its average precision.</summary>
internal static class PerQueryTable
{
    public static void Write(FileInfo file, Run run, Run? other) => TextFile.Write(file.FullName, writer => Write(writer, run, other));

    private static void Write(TextWriter writer, Run run, Run? other)
    {
        writer.WriteLine(
            "query,file,identity,camera,skipped,matches,candidates,firstMatch,lastMatch,averagePrecision,averagePrecisionTrapezoid,"
            + "inverseNegativePenalty,rPrecision,rank1" + (other is null ? "" : ",otherFirstMatch,otherAveragePrecision,otherRank1"));
        var set = run.Query.Set;
        foreach (var q in run.Report.PerQuery)
        {
            List<string> cells =
            [
                Text(q.Query), Quoted(run.Query.Files?[q.Query] ?? ""), Text(set.Identities[q.Query]), Text(set.Cameras?[q.Query]),
                q.Skipped == SkipReason.None ? "" : $"{q.Skipped}", Text(q.Matches), Text(q.Candidates), Text(q.FirstMatch),
                    Text(q.LastMatch),
                Text(q.AveragePrecision), Text(q.AveragePrecisionTrapezoid), Text(q.InverseNegativePenalty), Text(q.RPrecision),
                    Text(q.RankAt(1)),
            ];
            if (other?.Report.PerQuery[q.Query] is { } second)
                cells.AddRange([Text(second.FirstMatch), Text(second.AveragePrecision), Text(second.RankAt(1))]);
            writer.WriteLine(string.Join(',', cells));
        }
    }

    private static string Text(IFormattable? value) =>
        value is null or double.NaN ? "" : value.ToString(null, CultureInfo.InvariantCulture);

    private static string Quoted(string text) =>
        text.AsSpan().IndexOfAny("\",\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
