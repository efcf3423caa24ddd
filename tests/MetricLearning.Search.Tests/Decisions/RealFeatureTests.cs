using System.Globalization;
using MetricLearning.Testing;

namespace MetricLearning.Search.Tests;

/// <summary>Tests that the rates and probabilities of a decision hold for people outside its calibration.</summary>
public class RealFeatureTests
{
    /// <summary>Divides the people of real features at random into halves, calibrates on one half, and measures the other half. Both halves
    /// are samples, so the rates of both are uncertain: the 95 % interval of their difference must hold 0 in 95 % of the draws.
    /// METRICLEARNING_SPLITS=200 runs the whole trial.</summary>
    [Theory]
    [InlineData("market1501-a_osnet_x0_25_msmt17.npz")]
    [InlineData("cuhk03-np-train-dev_osnet_x0_25_msmt17.npz")]
    public void ThePromisedRate_IsKeptForOtherPeople(string file)
    {
        const double promised = 1e-3;
        var splits = int.Parse(Environment.GetEnvironmentVariable("METRICLEARNING_SPLITS") ?? "3", CultureInfo.InvariantCulture);
        var (features, ids) = StoredFeatures.Read(SharedData.Require("data", "golden", file));
        var all = Pairs(features, ids);
        var people = ids.Distinct().ToArray();
        var random = new Random(7);
        var (covered, error, alone, independent) = (0, 0.0, 0, 0);
        for (var split = 0; split < splits; split++)
        {
            random.Shuffle(people);
            var half = people[..(people.Length / 2)].ToHashSet();
            var decision = MatchDecision.Calibrate(all.Where(pair => half.Contains(pair.First!.Value) && half.Contains(pair.Second!.Value)),
                falseMatchRate: promised);
            LabelledPair[] unseen = [.. all.Where(pair => !half.Contains(pair.First!.Value) && !half.Contains(pair.Second!.Value))];
            LabelledPair[] different = [.. unseen.Where(pair => !pair.Same)];
            var measured = ClusteredRate.Of(different, pair => pair.Score >= decision.MatchThreshold, 0.95);
            if (Agree(decision.FalseMatchRate, measured)) covered++;
            if (Holds(measured)) alone++;
            LabelledPair[] unnamed = Array.ConvertAll(different, pair => pair with { First = null, Second = null });
            if (Agree(ClusteredRate.Of(Unnamed(half), pair => pair.Score >= decision.MatchThreshold, 0.95),
                ClusteredRate.Of(unnamed, pair => pair.Score >= decision.MatchThreshold, 0.95))) independent++;
            error += CalibrationError(unseen, decision) / splits;
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"{file}: in {covered} of {splits} draws both rates agree, in {independent} where "
            + $"pairs count as independent; the interval of the second half alone holds {promised} in {alone}; "
            + $"calibration error {error:0.0000}");
        Assert.True(covered >= 0.95 * splits, $"{covered} of {splits}");
        Assert.True(error < 0.01, $"calibration error {error}");

        static bool Holds(ConfidenceInterval rate) => rate.Low <= promised && promised <= rate.High;

        LabelledPair[] Unnamed(HashSet<long> chosen) =>
        [
            .. all.Where(pair => !pair.Same && chosen.Contains(pair.First!.Value) && chosen.Contains(pair.Second!.Value))
                .Select(pair => pair with { First = null, Second = null }),
        ];
    }

    /// <summary>Whether the interval of the difference of two rates holds 0. It is made of the intervals of both (Zou and Donner,
    /// Statistics in Medicine 27, 2008, section 2).</summary>
    private static bool Agree(ConfidenceInterval one, ConfidenceInterval other)
    {
        var difference = other.Estimate - one.Estimate;
        var below = Math.Sqrt(Math.Pow(other.Estimate - other.Low, 2) + Math.Pow(one.High - one.Estimate, 2));
        var above = Math.Sqrt(Math.Pow(other.High - other.Estimate, 2) + Math.Pow(one.Estimate - one.Low, 2));
        return difference - below <= 0 && 0 <= difference + above;
    }

    /// <summary>Pairs of few people carry less information than the same number of pairs of many people.</summary>
    [Fact]
    public void PairsThatShareIdentities_HaveWiderIntervals()
    {
        // Every third person errs with everybody, the others never.
        LabelledPair[] pairs = [.. Enumerable.Range(0, 3000).Select(i =>
            new LabelledPair(i % 30 % 3 == 0 ? 1 : 0, false) { First = i % 30, Second = 100 + i })];
        var clustered = ClusteredRate.Of(pairs, pair => pair.Score > 0.5, 0.95);
        var independent = ClusteredRate.Of(Array.ConvertAll(pairs, pair => pair with { First = null, Second = null }),
            pair => pair.Score > 0.5, 0.95);
        Assert.Equal(1 / 3.0, clustered.Estimate, 12);
        Assert.Equal(1 / 3.0, independent.Estimate, 12);
        // Thirty people count as thirty trials. Clopper and Pearson's interval of 10 successes in 30 is (0.173, 0.528).
        Assert.Equal(0.173, clustered.Low, 0.01);
        Assert.Equal(0.528, clustered.High, 0.01);
        Assert.InRange(independent.High - independent.Low, 0, 0.04);
        // Without an error, the number of trials is at most the number of pairs and at most the number of identities.
        Assert.Equal(1 - Math.Pow(0.025, 1 / 30.0), ClusteredRate.Of([.. pairs.Take(30)], _ => false, 0.95).High, 12);
    }

    private static LabelledPair[] Pairs(float[][] features, long[] ids)
    {
        var pairs = new LabelledPair[features.Length][];
        Parallel.For(0, features.Length, i => pairs[i] = [.. Enumerable.Range(0, i).Select(j => new LabelledPair(
            features[i].Zip(features[j], (x, y) => (double)x * y).Sum(), ids[i] == ids[j]) { First = ids[i], Second = ids[j] })]);
        return [.. pairs.SelectMany(list => list)];
    }

    /// <summary>The expected calibration error: the mean distance of probability and share of same pairs, over ten bins of
    /// probability.</summary>
    private static double CalibrationError(LabelledPair[] pairs, MatchDecision decision) => pairs
        .Select(pair => (decision.Decide(pair.Score).Probability, pair.Same))
        .GroupBy(pair => Math.Min(9, (int)(10 * pair.Probability)))
        .Sum(bin => Math.Abs(bin.Average(pair => pair.Probability) - bin.Average(pair => pair.Same ? 1.0 : 0)) * bin.Count()
            / pairs.Length);
}
