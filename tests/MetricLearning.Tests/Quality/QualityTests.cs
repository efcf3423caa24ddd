extern alias quality;

using MetricLearning.Testing;
using quality::MetricLearning.Quality;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the quality benchmark: it covers every loss and every miner, and each of its entries trains.</summary>
[LeavesNoTensors]
public class QualityTests
{
    public static TheoryData<string> Names => [.. EntryTable.All.Select(entry => entry.Name)];

    /// <summary>A new loss fails here, unless it has an entry or a stated reason to have none.</summary>
    [Fact]
    public void EveryLoss_HasAnEntry()
    {
        var losses = LossTable.Names.Select(row => row.Data).Select(LossTable.Create).Concat(ModuleTable.Names.Select(ModuleTable.Create))
            .Select(loss =>
            {
                using (loss) return loss.GetType();
            }).Distinct().ToList();
        var trained = new HashSet<Type>();
        foreach (var entry in EntryTable.All)
        {
            using var objective = entry.Create(Make(entry));
            trained.UnionWith(objective.Loss.modules().Append(objective.Loss).Select(module => module.GetType()));
        }
        Assert.Empty(losses.Except(trained).Except(EntryTable.LeftOut.Keys));
        Assert.Empty(trained.Intersect(EntryTable.LeftOut.Keys));
    }

    [Fact]
    public void EveryMiner_HasAnEntry()
    {
        var used = new HashSet<Type> { Miner.All.GetType() };
        foreach (var entry in EntryTable.All)
        {
            using var objective = entry.Create(Make(entry));
            foreach (var loss in objective.Loss.modules().Append(objective.Loss).OfType<TupleLoss>()) used.Add(loss.Miner.GetType());
        }
        used.Add(typeof(EasyToHardMiner));      // a stage of the scheduled miner
        Assert.Empty(MinerTable.Names.Select(name => MinerTable.Create(name).GetType()).Except(used));
    }

    [Fact]
    public void Names_AreUnique_AndASearchHasFourOrSixPoints()
    {
        Assert.Equal(EntryTable.All.Count, EntryTable.All.Select(entry => entry.Name).Distinct().Count());
        Assert.All(EntryTable.All, entry => Assert.True(entry.TunedAs is { } basis ? EntryTable.Named(basis).TunedAs is null
            : entry.Points.Distinct().Count() is 4 or 6, entry.Name));
    }

    /// <summary>Trains each entry for two steps on random numbers.</summary>
    [Theory, MemberData(nameof(Names))]
    public void EachEntry_Trains(string name)
    {
        // The feature maps have more than one place: else an exponent of GeM changes nothing.
        using var data = Numbers(3, 16, 16);
        var entry = EntryTable.Named(name);
        foreach (var (rate, value) in entry.Points.DefaultIfEmpty(EntryTable.Named(entry.TunedAs ?? name).Points.First()))
        {
            using var model = Trial.Train(entry, data, rate, value, steps: 2, seed: 1);
            using (NewDisposeScope())
            {
                random.manual_seed(1);
                using var untrained = Networks.Create(data, entry.Head, entry.Classifies ? data.Classes : 0);
                Assert.All(model.named_parameters().Zip(untrained.parameters()).Where(pair => pair.Second.requires_grad),
                    pair => Assert.False(pair.First.parameter.Equals(pair.Second), $"{pair.First.name} did not change"));
            }
            using var test = Trial.Embed(model, data, data.Test);
            Assert.Equal(Networks.Dimension, test.Features.size(1));
            Assert.True(double.IsFinite(Figures.Of(test, "cosine").MeanAveragePrecision));
        }
    }

    [Fact]
    public void ARun_GoesOnWhereItWasStopped_AndEndsTheSame()
    {
        using var data = Numbers(6, 1, 1);
        var folder = Directory.CreateTempSubdirectory("quality");
        try
        {
            var (whole, broken) = (Path.Combine(folder.FullName, "whole.json"), Path.Combine(folder.FullName, "broken.json"));
            IReadOnlyList<Entry> entries = [EntryTable.Named("P2SGrad"), EntryTable.Named($"{EntryTable.Triplet}: 2 pictures a class")];
            Assert.True(new Runner(data, quick: true, whole).Run(entries));
            for (var i = 0; !new Runner(data, quick: true, broken) { Until = After(broken, i) }.Run(entries); i++) Assert.True(i < 100);
            Assert.Equal(Timeless(whole), Timeless(broken));
            var results = KindResults.Read(whole)!;
            Assert.Equal(4, results.Entries["P2SGrad"].Search.Count);
            Assert.Empty(results.Entries[entries[1].Name].Search);      // it uses the settings for which its base entry was tuned
            Assert.Equal(results.Queries.Count, results.Entries["control: PCA"].Seeds[0].PerIdentity.Count);

            using var other = Numbers(7, 1, 1);
            Assert.Contains("another budget", Assert.Throws<InvalidDataException>(
                () => new Runner(other with { Validation = other.Test }, quick: true, whole)).Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        // Every other run stops before its first training. The runs between them stop after 0.05 s.
        static DateTime? After(string path, int i) => i % 2 == 0 ? DateTime.UtcNow : DateTime.UtcNow.AddSeconds(0.05);

        static string Timeless(string path) => string.Join('\n', File.ReadLines(path).Where(
            line => !line.Contains("\"seconds\"", StringComparison.Ordinal)));
    }

    /// <summary>The table names the loss that is best on the validation identities, and tells which others are not significantly
    /// worse.</summary>
    [Fact]
    public void ATable_TellsTheBestFromTheWorse()
    {
        var results = new KindResults { Kind = DataKind.Features, Budget = "none", Queries = [.. Enumerable.Repeat(2, 30)] };
        var random = new SeededRandom(3);
        foreach (var (name, level) in new[] { ("SupCon", 0.8), ("NCA", 0.79), ("FastAP", 0.4) })
        {
            var result = results.Of(name);
            result.Search.Add(new(0.001, 1, "cosine", level));
            for (var seed = 1UL; seed <= Runner.Seeds; seed++)
                result.Seeds.Add(new(seed, level, level, 1,
                    [.. Enumerable.Range(0, 30).Select(_ => level + 0.05 * random.NextGaussian())]));
        }
        var table = new KindTable(results);
        Assert.Equal("SupCon", table.Best);
        Assert.True(table.MayBeBest("SupCon"));
        Assert.True(table.MayBeBest("NCA"));
        Assert.False(table.MayBeBest("FastAP"));
        Assert.False(table.Has("circle"));
        var mean = table.Mean("FastAP");
        Assert.InRange(0.4, mean.Low, mean.High);
    }

    private static Making Make(Entry entry) => new(Classes: 12, Steps: 2, entry.Points.Select(point => point.Value).FirstOrDefault(
        EntryTable.Named(entry.TunedAs ?? entry.Name).Points.First().Value));

    /// <summary>Random images: 12 classes for training, 5 for validation and 6 for the test.</summary>
    private static QualityData Numbers(int channels, int height, int width)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        EmbeddingSet Set(int from, int classes) => new(rand(classes * 6, channels * height * width),
            Enumerable.Range(0, classes * 6).Select(row => (long)(from + row % classes)));
        return new QualityData(height == 1 ? DataKind.Features : DataKind.Drawings, channels, height, width, Set(0, 12), Set(20, 5),
            Set(30, 6));
    }
}
