using System.Text.Json;
using System.Text.RegularExpressions;

namespace MetricLearning.Conformance;

/// <summary>The parts of pytorch-metric-learning by their Python names, built from the parameters of a case; null if the library has
/// none.</summary>
public static partial class PmlPieces
{
    /// <summary>The loss of a call such as <c>losses.TripletMarginLoss(margin=0.3)</c>. A new tuple loss needs one line.</summary>
    public static TupleLoss? Loss(GoldenCase golden, Miner? miner = null) => LossName(golden) switch
    {
        "TripletMarginLoss" => new TripletLoss(golden.Param("margin")!.Value.GetDouble())
        {
            Distance = DistanceOf(golden, Distance.Euclidean), Miner = miner ?? Miner.All, Reducer = ReducerOf(golden, Reducer.NonZeroMean),
            SoftMargin = golden.Flag("smooth_loss"), Swap = golden.Flag("swap"),
        },
        "AngularLoss" => new AngularLoss(golden.Number("alpha_deg")) { RawNegatives = true },
        "FastAPLoss" => new FastApLoss((int)golden.Number("num_bins")),
        "HistogramLoss" => new HistogramLoss((int)golden.Number("n_bins")),
        "PNPLoss" => new PnpLoss(Enum.Parse<PnpVariant>(golden.Text("variant")!), golden.Number("anneal"))
        {
            Alpha = golden.Number("alpha"), B = golden.Number("b"),
        },
        "RankedListLoss" => new RankedListLoss(golden.Number("margin"), golden.Number("Tn"), golden.Number("Tp"), golden.Number("alpha"))
        {
            Imbalance = golden.Number("imbalance"),
        },
        "ThresholdConsistentMarginLoss" => new ThresholdConsistentMarginLoss(golden.Number("margin_plus"), golden.Number("margin_minus"))
        {
            PositiveWeight = golden.Number("lambda_plus"), NegativeWeight = golden.Number("lambda_minus"),
        },
        "CircleLoss" =>
            new CircleLoss(golden.Param("m")!.Value.GetDouble(), golden.Param("gamma")!.Value.GetDouble()) { Miner = miner ?? Miner.All },
        "ContrastiveLoss" => new ContrastiveLoss(Margin(golden, "pos_margin"), Margin(golden, "neg_margin"))
        {
            Distance = DistanceOf(golden, Distance.Euclidean), Miner = miner ?? Miner.All, Reducer = ReducerOf(golden, Reducer.NonZeroMean),
        },
        "DynamicSoftMarginLoss" =>
            new DynamicSoftMarginLoss(golden.Number("min_val"), (int)golden.Number("num_bins"), golden.Number("momentum"))
            {
                DifferentiateWeights = true,
            },
        "GeneralizedLiftedStructureLoss" =>
            new GeneralizedLiftedStructureLoss(golden.Number("neg_margin"), golden.Number("pos_margin")) { Miner = miner ?? Miner.All },
        "IntraPairVarianceLoss" =>
            new IntraPairVarianceLoss(golden.Number("pos_eps"), golden.Number("neg_eps")) { Miner = miner ?? Miner.All },
        "LiftedStructureLoss" =>
            new LiftedStructureLoss(golden.Number("neg_margin"), golden.Number("pos_margin")) { Miner = miner ?? Miner.All },
        "MarginLoss" => new MarginLoss(golden.Number("margin"), golden.Param("beta")?.GetDouble() ?? 0, golden.Number("nu"),
            golden.HasInput("beta") ? (int)golden.Input("beta").size(0) : 0) { Miner = miner ?? Miner.All },
        "MultiSimilarityLoss" =>
            new MultiSimilarityLoss(golden.Number("alpha"), golden.Number("beta"), golden.Number("base")) { Miner = miner ?? Miner.All },
        "NCALoss" => new NcaLoss(golden.Number("softmax_scale")) { Miner = miner ?? Miner.All },
        "NPairsLoss" => new NPairsLoss { Miner = miner ?? Miner.All },
        "NTXentLoss" => new NTXentLoss(golden.Number("temperature")) { Miner = miner ?? Miner.All },
        "SignalToNoiseRatioContrastiveLoss" => ContrastiveLoss.SignalToNoise(golden.Number("pos_margin"), golden.Number("neg_margin")),
        "SupConLoss" => new SupConLoss(golden.Number("temperature")) { Miner = miner ?? Miner.All },
        "TupletMarginLoss" => new TupletMarginLoss(golden.Number("margin_deg"), golden.Number("scale")) { Miner = miner ?? Miner.All },
        _ => null,
    };

    /// <summary>The loss of a call that works on the whole batch, without tuples and without learned vectors.</summary>
    public static MetricLoss? BatchLoss(GoldenCase golden) => LossName(golden) switch
    {
        // The peer uses the rank of a row's class as its own column. This is a defect; it is reproduced here so that values can be
        // compared.
        "InstanceLoss" => new InstanceLoss(golden.Param("gamma")!.Value.GetDouble()) { Target = InstanceTarget.ClassRank },
        _ => null,
    };

    /// <summary>The loss of two views.</summary>
    public static VicRegLoss VicRegLoss(GoldenCase golden) => new()
    {
        InvarianceWeight = golden.Number("invariance_lambda"), VarianceWeight = golden.Number("variance_mu"),
        CovarianceWeight = golden.Number("covariance_v"), Epsilon = golden.Number("eps"),
    };

    /// <summary>The miner of a call, from its name in the case and its parameters. A new miner needs one line.</summary>
    public static Miner? MinerOf(string name, JsonElement parameters)
    {
        var distance = Named(Text(parameters, "distance"), parameters, Distance.Euclidean);
        var patterns = BatchEasyHardPattern().Match(name);
        return name switch
        {
            _ when name.StartsWith("angular", StringComparison.Ordinal) => new AngularMiner(Number("angle_deg")),
            "batch_hard" or "batch_hard_cos" => new BatchHardMiner { Distance = distance },
            "beh_p-hard_n-semihard" => new SemiHardMiner { Distance = distance, Positives = SemiHardPositives.Hardest },
            "beh_p-easy_n-semihard" => new SemiHardMiner { Distance = distance, Positives = SemiHardPositives.Easiest },
            _ when patterns.Success =>
                new BatchEasyHardMiner(Kind(patterns.Groups[1].Value), Kind(patterns.Groups[2].Value)) { Distance = distance },
            _ when name.StartsWith("hdc", StringComparison.Ordinal) => new HdcMiner(Number("filter_percentage")) { Distance = distance },
            "multi_similarity" => new MultiSimilarityMiner(Number("epsilon")),
            _ when name.StartsWith("pair_margin", StringComparison.Ordinal) =>
                new PairMarginMiner(Number("pos_margin"), Number("neg_margin")) { Distance = distance },
            _ when name.StartsWith("triplet_margin", StringComparison.Ordinal) =>
                new TripletMarginMiner(Number("margin"), Kind(Text(parameters, "type")!)) { Distance = distance },
            _ => null,
        };

        double Number(string parameter) => parameters.GetProperty(parameter).GetDouble();
        Hardness Kind(string kind) => Enum.Parse<Hardness>(kind, ignoreCase: true);
    }

    /// <summary>The Python class of the loss.</summary>
    public static string LossName(GoldenCase golden) => LossPattern().Match(golden.Call).Groups[1].Value;

    /// <summary>The distance of a case: the peer normalizes the rows unless told not to.</summary>
    public static Distance DistanceOf(GoldenCase golden, Distance otherwise) => Named(golden.Text("distance"), golden.Params, otherwise);

    /// <summary>The reducer of a case, or the loss's default.</summary>
    public static Reducer ReducerOf(GoldenCase golden, Reducer otherwise) => golden.Text("reducer") switch
    {
        null => otherwise,
        "mean" => Reducer.Mean,
        "sum" => Reducer.Sum,
        "per_anchor" => Reducer.PerAnchor,
        "threshold" => Reducer.Threshold(golden.Param("low")!.Value.GetDouble(), golden.Param("high")!.Value.GetDouble()),
        var other => throw new NotSupportedException($"reducer {other}"),
    };

    /// <summary>A margin of a case as a distance: 1 − s if the peer gives a cosine similarity s.</summary>
    private static double Margin(GoldenCase golden, string name) =>
        golden.Text("distance") == "cosine_similarity" ? 1 - golden.Number(name) : golden.Number(name);

    private static Distance Named(string? name, JsonElement parameters, Distance otherwise)
    {
        var raw = parameters.TryGetProperty("normalize_embeddings", out var normalize) && normalize.ValueKind == JsonValueKind.False;
        return name switch
        {
            null => raw ? otherwise : otherwise.Normalized(),
            "euclidean" => raw ? Distance.Euclidean : Distance.Euclidean.Normalized(),
            "squared_euclidean" => raw ? Distance.EuclideanSquared : Distance.EuclideanSquared.Normalized(),
            "cosine_similarity" => Distance.Cosine,
            _ when name.StartsWith("l1 ", StringComparison.Ordinal) => Distance.Lp(1).Normalized(1),
            _ => throw new NotSupportedException($"distance {name}"),
        };
    }

    private static string? Text(JsonElement parameters, string name) =>
        parameters.TryGetProperty(name, out var value) ? value.GetString() : null;

    [GeneratedRegex("^beh_p-([a-z]+)_n-([a-z]+)$")]
    private static partial Regex BatchEasyHardPattern();

    [GeneratedRegex(@"losses\.(\w+)\(")]
    private static partial Regex LossPattern();
}
