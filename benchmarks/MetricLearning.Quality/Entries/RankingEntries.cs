namespace MetricLearning.Quality;

/// <summary>Losses on the ranks or the neighbors of each row.</summary>
internal static class RankingEntries
{
    public static IReadOnlyList<Entry> All { get; } =
    [
        Of("NT-Xent", value => new NTXentLoss(value), "temperature", 0.05, 0.1, 0.2),
        Of("SupCon", value => new SupConLoss(value), "temperature", 0.05, 0.1, 0.2),
        Of("NCA", value => new NcaLoss(value) { Distance = Distance.EuclideanSquared.Normalized() }, "scale", 4, 8, 16),
        new("N-pairs", _ => Objective.Of(new NPairsLoss { Distance = Distance.Dot })) { Batches = Batches.P32K2 },
        Of("FastAP", value => new FastApLoss((int)value), "bins", 10, 20),
        Of("histogram", value => new HistogramLoss((int)value), "bins", 50, 100),
        Of("PNP", value => new PnpLoss(temperature: value), "temperature", 0.01, 0.05, 0.1),
        Of("PNP, Dq", value => new PnpLoss(PnpVariant.Dq, value), "temperature", 0.01, 0.05, 0.1),
        Of("ranked list", value => new RankedListLoss(value), "margin", 0.2, 0.4, 0.6),
        Of("Smooth AP", value => new SmoothApLoss(value), "temperature", 0.01, 0.05, 0.1),
        Of("recall at k", value => new SmoothRecallAtKLoss(1, 2, 4) { RankTemperature = value }, "temperature", 0.01, 0.05, 0.1),
    ];

    private static Entry Of(string name, Func<double, MetricLoss> of, string setting, params double[] values) =>
        new(name, making => Objective.Of(of(making.Value))) { Setting = setting, Values = values };
}
