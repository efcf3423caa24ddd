namespace MetricLearning.Conformance;

/// <summary>AccuracyCalculator's figures, over queries and over classes.</summary>
public static class PmlAccuracy
{
    public static Verdict Check(GoldenCase golden)
    {
        var self = golden.Flag("ref_includes_query");
        using var reference = Set("reference");
        using var query = self ? null : Set("query");
        var queryIdentities = (query ?? reference).Identities;
        int? k = golden.Param("k") is not { } given ? null
            : given.ValueKind == System.Text.Json.JsonValueKind.Number ? given.GetInt32()
            : reference.Identities.GroupBy(id => id).Max(g => g.Count()) - (self ? 1 : 0);      // "max_bin_count"
        var wrong = new List<string>();
        foreach (var method in Enum.GetValues<RankingMethod>())
        {
            var evaluator = new RetrievalEvaluator
            {
                Distance = Distance.Euclidean,
                Protocol = self ? RetrievalProtocol.SelfRetrieval : RetrievalProtocol.NoFilter,
                CutOffs = k is { } n ? [n] : [1],
                Method = method,
            };
            var report = query is null ? evaluator.Evaluate(reference) : evaluator.Evaluate(query, reference);
            Figures("", AccuracyCalculatorFigures.Of(report, k));
            Figures("avg_of_avgs_", AccuracyCalculatorFigures.AverageOfAverages(report, queryIdentities, k));
            var classes = AccuracyCalculatorFigures.ByClass(report, queryIdentities, k).Values.ToArray();
            PerClass("mean_average_precision", c => c.MeanAveragePrecision);
            PerClass("mean_average_precision_at_r", c => c.MeanAveragePrecisionAtR);
            PerClass("precision_at_1", c => c.PrecisionAt1);
            PerClass("r_precision", c => c.RPrecision);

            void PerClass(string name, Func<AccuracyCalculatorFigures, double> value)
            {
                var expected = golden.Output($"per_class_{name}").data<float>().ToArray();
                if (expected.Length != classes.Length) wrong.Add($"{classes.Length} classes, not {expected.Length}");
                else for (var c = 0; c < classes.Length; c++) Near($"{name} of class {c}", expected[c], value(classes[c]), 1e-6);
            }
        }
        return wrong.Count == 0 ? Verdict.Passed : Verdict.Failed(string.Join("; ", wrong.Take(3)));

        void Figures(string prefix, AccuracyCalculatorFigures figures)
        {
            Near($"{prefix}precision_at_1", null, figures.PrecisionAt1, 1e-12);
            Near($"{prefix}r_precision", null, figures.RPrecision, 1e-12);
            Near($"{prefix}mean_average_precision", null, figures.MeanAveragePrecision, 1e-12);
            Near($"{prefix}mean_average_precision_at_r", null, figures.MeanAveragePrecisionAtR, 1e-12);
            Near($"{prefix}mean_reciprocal_rank", null, figures.MeanReciprocalRank, 1e-6);      // the peer's is float32
        }

        void Near(string name, double? value, double actual, double tolerance)
        {
            var expected = value ?? golden.ExpectedNumber(name) ?? throw new InvalidDataException($"no {name}");
            var bothNaN = double.IsNaN(expected) && double.IsNaN(actual);
            if (!bothNaN && !(Math.Abs(expected - actual) <= tolerance)) wrong.Add($"{name} is {actual:R}, not {expected:R}");
        }

        EmbeddingSet Set(string name) => new(golden.Input(name), golden.Input($"{name}_labels").data<long>().ToArray());
    }
}
