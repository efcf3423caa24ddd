using System.Text.Json;
using System.Text.RegularExpressions;

namespace MetricLearning.Conformance;

/// <summary>The pieces of pytorch-metric-learning by their Python names, built from the parameters of a case. Null: not here.</summary>
public static partial class PmlPieces
{
    /// <summary>The loss of a call such as <c>losses.TripletMarginLoss(margin=0.3)</c>. A new tuple loss is one line.</summary>
    public static TupleLoss? Loss(GoldenCase golden, Miner? miner = null) => LossName(golden) switch
    {
        "TripletMarginLoss" => new TripletLoss(golden.Param("margin")!.Value.GetDouble())
        {
            Distance = DistanceOf(golden, Distance.Euclidean), Miner = miner ?? Miner.All, Reducer = ReducerOf(golden, Reducer.NonZeroMean),
            SoftMargin = golden.Flag("smooth_loss"), Swap = golden.Flag("swap"),
        },
        "CircleLoss" => new CircleLoss(golden.Param("m")!.Value.GetDouble(), golden.Param("gamma")!.Value.GetDouble()) { Miner = miner ?? Miner.All },
        _ => null,
    };

    /// <summary>The miner of a call, from its name in the case and its parameters. A new miner is one line.</summary>
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
            _ when patterns.Success => new BatchEasyHardMiner(Kind(patterns.Groups[1].Value), Kind(patterns.Groups[2].Value)) { Distance = distance },
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

    /// <summary>The distance of a case: the peer normalises the rows unless told not to.</summary>
    public static Distance DistanceOf(GoldenCase golden, Distance otherwise) => Named(golden.Text("distance"), golden.Params, otherwise);

    /// <summary>The reducer of a case, or the loss's own.</summary>
    public static Reducer ReducerOf(GoldenCase golden, Reducer otherwise) => golden.Text("reducer") switch
    {
        null => otherwise,
        "mean" => Reducer.Mean,
        "sum" => Reducer.Sum,
        "per_anchor" => Reducer.PerAnchor,
        "threshold" => Reducer.Threshold(golden.Param("low")!.Value.GetDouble(), golden.Param("high")!.Value.GetDouble()),
        var other => throw new NotSupportedException($"reducer {other}"),
    };

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

    private static string? Text(JsonElement parameters, string name) => parameters.TryGetProperty(name, out var value) ? value.GetString() : null;

    [GeneratedRegex("^beh_p-([a-z]+)_n-([a-z]+)$")]
    private static partial Regex BatchEasyHardPattern();

    [GeneratedRegex(@"losses\.(\w+)\(")]
    private static partial Regex LossPattern();
}
