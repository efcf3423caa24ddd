namespace MetricLearning.Tests;

/// <summary>Lists every miner of the library in its main settings. Tests that hold for all miners run on each row. Reflection finds the
/// miners, so a miner without a row fails each of these tests.</summary>
internal static class MinerTable
{
    private static readonly Dictionary<string, Func<Miner>> rows = new()
    {
        ["all"] = () => Miner.All,
        ["angular"] = () => new AngularMiner(),
        ["batch-hard"] = () => new BatchHardMiner(),
        ["batch-hard ties"] = () => new BatchHardMiner { KeepTies = true },
        ["easy, semi-hard"] = () => new BatchEasyHardMiner(),
        ["semi-hard, hard"] = () => new BatchEasyHardMiner(Hardness.SemiHard, Hardness.Hard),
        ["all, hard"] = () => new BatchEasyHardMiner(Hardness.All, Hardness.Hard) { NegativeRange = (0, 100) },
        ["distance-weighted"] = () => new DistanceWeightedMiner(LossTable.Dimension),
        ["easy to hard"] = () => new EasyToHardMiner(Halfway) { SkippedShare = 0.2 },
        ["hard pairs"] = () => new HardPairsMiner(),
        ["hdc"] = () => new HdcMiner(),
        ["multi-similarity"] = () => new MultiSimilarityMiner(),
        ["n-hard"] = () => new NHardMiner(0..2, 0..^1),
        ["pair margin"] = () => new PairMarginMiner(),
        ["random triplets"] = () => new RandomTripletsMiner(2),
        ["scheduled"] = () => new ScheduledMiner(Halfway, (0, new BatchHardMiner()), (0.5, new SemiHardMiner())),
        ["semi-hard each"] = () => new SemiHardMiner(),
        ["semi-hard easiest"] = () =>
            new SemiHardMiner { Positives = SemiHardPositives.Easiest, Fallback = SemiHardFallback.FarthestNegative },
        ["triplet margin"] = () => new TripletMarginMiner(),
        ["triplet margin capped"] = () => new TripletMarginMiner(kind: Hardness.Hard) { Cap = 3 },
        ["triplet margin easy"] = () => new TripletMarginMiner(kind: Hardness.Easy),
        ["triplet margin semi-hard"] = () => new TripletMarginMiner(kind: Hardness.SemiHard),
        ["uniform histogram"] = () => new UniformHistogramMiner(bins: 5, positivesPerBin: 2, negativesPerBin: 2),
    };

    /// <summary>A curriculum in its middle.</summary>
    private static Curriculum Halfway
    {
        get
        {
            var curriculum = Curriculum.Over(TrainingSpan.Iterations(2));
            curriculum.Step();
            return curriculum;
        }
    }

    /// <summary>The name of <see cref="HardClusters"/>, which is not a <see cref="Miner"/> because its anchors are means.</summary>
    public const string Clusters = "hard clusters";

    static MinerTable()
    {
        var missing = typeof(Miner).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Miner)) && !type.IsAbstract)
            .Except(rows.Values.Select(create => create().GetType())).Select(type => type.Name).ToList();
        if (missing.Count > 0) throw new InvalidOperationException($"{nameof(MinerTable)} has no row for {string.Join(", ", missing)}.");
    }

    public static IEnumerable<string> Names => rows.Keys;

    /// <summary>The miners that are pure functions. Several threads may use them at once.</summary>
    public static IEnumerable<string> StatelessNames => rows.Keys.Where(name => Create(name) is not SeededMiner);

    public static IEnumerable<string> NamesWithClusters => Names.Append(Clusters);

    /// <summary>The miner of a row. It has not drawn yet.</summary>
    public static Miner Create(string name) => rows[name]();
}
