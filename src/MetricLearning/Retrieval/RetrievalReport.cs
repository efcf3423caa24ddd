using System.Globalization;
using System.Text;

namespace MetricLearning;

/// <summary>The result of an evaluation: the protocol, each figure over the counted queries and over all queries, the figures of each
/// query, and what was skipped and why.</summary>
/// <remarks>
/// <para>The figures of the report itself are means over the queries that have a match left, as in torchreid, fast-reid and Market-1501's
/// code. <see cref="OverAllQueries"/> counts a skipped query as one that found nothing. If all queries are skipped, every figure is NaN,
/// and <see cref="Explanation"/> says why.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record RetrievalReport
{
    internal RetrievalReport(RetrievalEvaluator evaluator, EvaluationInput input, IReadOnlyList<QueryResult> queries, double[] hits,
        long predictedBytes)
    {
        (Protocol, Ties, CutOffs) = (input.Relations.Protocol, evaluator.Ties, evaluator.CutOffs);
        (Distance, PerQuery, GalleryCount, PredictedBytes) = (input.Distance, queries, input.Relations.Gallery, predictedBytes);
        QueryResult[] counted = [.. queries.Where(q => q.Skipped == SkipReason.None)];
        OverValidQueries = new RetrievalFigures(counted, hits, counted.Length, evaluator.CutOffs, evaluator.MaxRank);
        OverAllQueries = new RetrievalFigures(counted, hits, queries.Count, evaluator.CutOffs, evaluator.MaxRank);
        SkippedByReason = queries.Where(q => q.Skipped != SkipReason.None).GroupBy(q => q.Skipped).OrderBy(g => g.Key)
            .ToDictionary(g => g.Key, g => g.Count());
    }

    /// <summary>The protocol that was used: the one that was set, or the default.</summary>
    public RetrievalProtocol Protocol { get; }

    /// <summary>The policy for ties.</summary>
    public TiePolicy Ties { get; }

    /// <summary>The name of the distance; "given matrix" if one was given.</summary>
    public string Distance { get; }

    /// <summary>The ranks k that are printed, and for which the figures at k were kept.</summary>
    public IReadOnlyList<int> CutOffs { get; }

    /// <summary>The figures of each query, in the order of the queries, including skipped ones.</summary>
    public IReadOnlyList<QueryResult> PerQuery { get; }

    /// <summary>The number of gallery images, including removed ones.</summary>
    public int GalleryCount { get; }

    /// <summary>The memory beyond the features that was predicted for this evaluation, in bytes.</summary>
    public long PredictedBytes { get; }

    /// <summary>Means over the queries that have a match left.</summary>
    public RetrievalFigures OverValidQueries { get; }

    /// <summary>Means over all queries; a skipped one counts as 0.</summary>
    public RetrievalFigures OverAllQueries { get; }

    /// <summary>The number of queries that have a match left.</summary>
    public int ValidQueries => OverValidQueries.Queries;

    /// <summary>The number of queries that have no match left.</summary>
    public int SkippedQueries => PerQuery.Count - ValidQueries;

    /// <summary>The number of queries that were skipped, for each reason that occurred.</summary>
    public IReadOnlyDictionary<SkipReason, int> SkippedByReason { get; }

    /// <inheritdoc cref="RetrievalFigures.Cmc"/>
    public IReadOnlyList<double> Cmc => OverValidQueries.Cmc;

    /// <inheritdoc cref="RetrievalFigures.MeanAveragePrecision"/>
    public double MeanAveragePrecision => OverValidQueries.MeanAveragePrecision;

    /// <inheritdoc cref="RetrievalFigures.MeanAveragePrecisionTrapezoid"/>
    public double MeanAveragePrecisionTrapezoid => OverValidQueries.MeanAveragePrecisionTrapezoid;

    /// <inheritdoc cref="RetrievalFigures.MeanInverseNegativePenalty"/>
    public double MeanInverseNegativePenalty => OverValidQueries.MeanInverseNegativePenalty;

    /// <inheritdoc cref="RetrievalFigures.MeanReciprocalRank"/>
    public double MeanReciprocalRank => OverValidQueries.MeanReciprocalRank;

    /// <inheritdoc cref="RetrievalFigures.RPrecision"/>
    public double RPrecision => OverValidQueries.RPrecision;

    /// <inheritdoc cref="RetrievalFigures.MeanAveragePrecisionAtR"/>
    public double MeanAveragePrecisionAtR => OverValidQueries.MeanAveragePrecisionAtR;

    /// <inheritdoc cref="RetrievalFigures.MeanNormalizedDiscountedGain"/>
    public double MeanNormalizedDiscountedGain => OverValidQueries.MeanNormalizedDiscountedGain;

    /// <inheritdoc cref="RetrievalFigures.RankAt"/>
    public double RankAt(int k) => OverValidQueries.RankAt(k);

    /// <inheritdoc cref="RetrievalFigures.PrecisionAt"/>
    public double PrecisionAt(int k, CutOffDivisor divisor = CutOffDivisor.CutOff) => OverValidQueries.PrecisionAt(k, divisor);

    /// <inheritdoc cref="RetrievalFigures.RecallAt"/>
    public double RecallAt(int k) => OverValidQueries.RecallAt(k);

    /// <inheritdoc cref="RetrievalFigures.MeanAveragePrecisionAt"/>
    public double MeanAveragePrecisionAt(int k, CutOffDivisor divisor = CutOffDivisor.Reachable) =>
        OverValidQueries.MeanAveragePrecisionAt(k, divisor);

    /// <inheritdoc cref="RetrievalFigures.NormalizedDiscountedGainAt"/>
    public double NormalizedDiscountedGainAt(int k) => OverValidQueries.NormalizedDiscountedGainAt(k);

    /// <summary>Explains in sentences what was skipped and why; empty if nothing was skipped.</summary>
    public string Explanation
    {
        get
        {
            var text = new StringBuilder();
            foreach (var (reason, count) in SkippedByReason)
            {
                if (text.Length > 0) text.Append(' ');
                var verb = count == 1 ? "has" : "have";
                var share = count == PerQuery.Count && count > 1 ? "All" : string.Create(CultureInfo.InvariantCulture, $"{count:N0} of");
                text.Append(CultureInfo.InvariantCulture, $"{share} {PerQuery.Count:N0} queries {verb} no match left: {reason switch
                {
                    SkipReason.Junk => $"their identity is the junk identity {Protocol.JunkIdentity}.",
                    SkipReason.IdentityNotInGallery => "their identity is not in the gallery.",
                    SkipReason.OnlyInOwnCamera => "all images of their identity are from the query's own camera.",
                    SkipReason.OnlyItself => "they are the only image of their identity.",
                    _ => "the protocol's own filter removed all images of their identity.",
                }}");
            }
            if (PerQuery.Count == 0) text.Append("There are no queries.");
            else if (ValidQueries == 0)
                text.Append(" No figure can be given.").Append(SkippedByReason.ContainsKey(SkipReason.OnlyInOwnCamera)
                    ? " If the images have one camera, or cameras do not matter, use a protocol with Cameras = CameraFilter.None." : "")
                    .Append(SkippedByReason.ContainsKey(SkipReason.IdentityNotInGallery)
                    ? " Check that query and gallery number their identities alike." : "");
            return text.ToString();
        }
    }

    /// <summary>Formats a table of the figures in percent, with the protocol and the skipped queries.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Protocol}");
        text.Append(CultureInfo.InvariantCulture, $"{Distance} distance, ties {Name(Ties)}; {ValidQueries:N0} of {PerQuery.Count:N0} ");
        text.AppendLine(CultureInfo.InvariantCulture, $"queries counted, {GalleryCount:N0} gallery images");
        text.AppendLine(CultureInfo.InvariantCulture, $"{"",-36}{"valid",10}{"all queries",14}");
        foreach (var k in CutOffs.Where(k => k <= Cmc.Count)) Line($"rank-{k}", f => f.RankAt(k));
        Line("mAP (mean precision)", f => f.MeanAveragePrecision);
        Line("mAP (trapezoid, Market-1501 code)", f => f.MeanAveragePrecisionTrapezoid);
        Line("mINP", f => f.MeanInverseNegativePenalty);
        Line("R-precision", f => f.RPrecision);
        Line("MAP@R", f => f.MeanAveragePrecisionAtR);
        Line("MRR", f => f.MeanReciprocalRank);
        if (Explanation.Length > 0) text.AppendLine(Explanation);
        return text.ToString();

        void Line(string name, Func<RetrievalFigures, double> value) => text.AppendLine(
            CultureInfo.InvariantCulture, $"  {name,-34}{Percent(value(OverValidQueries)),10}{Percent(value(OverAllQueries)),14}");

        static string Percent(double value) =>
            double.IsNaN(value) ? "n/a" : string.Create(CultureInfo.InvariantCulture, $"{100 * value:F2} %");

        static string Name(TiePolicy ties) => ties switch
        {
            TiePolicy.ByIndex => "by index", TiePolicy.Optimistic => "optimistic", TiePolicy.Pessimistic => "pessimistic", _ => "expected",
        };
    }
}
