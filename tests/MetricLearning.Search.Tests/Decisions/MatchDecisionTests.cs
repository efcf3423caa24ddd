using System.Text.Json.Nodes;
using MathNet.Numerics.Distributions;

namespace MetricLearning.Search.Tests;

/// <summary>Tests that decisions keep their promised error rates.</summary>
public class MatchDecisionTests
{
    /// <summary>Cosines of same pairs lie about 0.7, those of different pairs about 0.1.</summary>
    private static IEnumerable<LabelledPair> Draw(int same, int different, int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < same; i++) yield return new LabelledPair(Normal.Sample(random, 0.7, 0.15), true);
        for (var i = 0; i < different; i++) yield return new LabelledPair(Normal.Sample(random, 0.1, 0.15), false);
    }

    [Fact]
    public void TheInterval_HoldsTheTrueRate_InMoreThan95Of100Draws()
    {
        var held = 0;
        for (var seed = 0; seed < 200; seed++)
        {
            var decision = MatchDecision.Calibrate(Draw(300, 4000, seed));
            Assert.Equal(0.001, decision.FalseMatchRate.Estimate);
            var real = 1 - Normal.CDF(0.1, 0.15, decision.MatchThreshold);
            if (decision.FalseMatchRate.Low <= real && real <= decision.FalseMatchRate.High) held++;
        }
        Assert.InRange(held, 190, 200);
    }

    [Fact]
    public void Answers_FollowTheThresholds()
    {
        var decision = MatchDecision.Calibrate(Draw(2000, 20_000, seed: 1), falseMatchRate: 0.001, falseNonMatchRate: 0.01);
        Assert.True(decision.NoMatchThreshold < decision.MatchThreshold);
        Assert.Equal(MatchAnswer.Match, decision.Decide(decision.MatchThreshold).Answer);
        Assert.Equal(MatchAnswer.Unsure, decision.Decide(Math.BitDecrement(decision.MatchThreshold)).Answer);
        Assert.Equal(MatchAnswer.Unsure, decision.Decide(decision.NoMatchThreshold).Answer);
        Assert.Equal(MatchAnswer.NoMatch, decision.Decide(Math.BitDecrement(decision.NoMatchThreshold)).Answer);
        var pairs = Draw(2000, 20_000, seed: 1).ToList();
        Assert.Equal(20, pairs.Count(pair => !pair.Same && decision.Decide(pair.Score).Answer == MatchAnswer.Match));
        Assert.Equal(20, pairs.Count(pair => pair.Same && decision.Decide(pair.Score).Answer == MatchAnswer.NoMatch));
    }

    [Fact]
    public void ADecision_IsPrintedAsTheThresholdsAndTheRates()
    {
        var decision = MatchDecision.Calibrate(Draw(2000, 20_000, seed: 1));
        Assert.Equal(FormattableString.Invariant($"match from {decision.MatchThreshold:G6} on, ")
            + FormattableString.Invariant($"no match below {decision.NoMatchThreshold:G6}, ")
            + $"unsure between\nfalse matches {decision.FalseMatchRate}, false non-matches {decision.FalseNonMatchRate}", $"{decision}");
        var distances = MatchDecision.Calibrate([
            .. Enumerable.Range(0, 200).Select(i => new LabelledPair(0.001 * i, true)),
            .. Enumerable.Range(0, 2000).Select(i => new LabelledPair(1 + 0.001 * i, false))], largerIsNearer: false);
        Assert.Contains(FormattableString.Invariant($"match up to {distances.MatchThreshold:G6}, no match above "), $"{distances}",
            StringComparison.Ordinal);
        Assert.Contains("by the probability where both hold", $"{distances}", StringComparison.Ordinal);
    }

    /// <summary>The thresholds of well separated pairs have changed places. Between them the probability decides, and both rates
    /// hold.</summary>
    [Theory, InlineData(true), InlineData(false)]
    public void BetweenThresholdsThatHaveChangedPlaces_TheProbabilityDecides(bool largerIsNearer)
    {
        var random = new Random(9);
        var sign = largerIsNearer ? 1 : -1;
        List<LabelledPair> pairs = [
            .. Enumerable.Range(0, 2000).Select(_ => new LabelledPair(sign * Normal.Sample(random, 0.9, 0.05), true)),
            .. Enumerable.Range(0, 10_000).Select(_ => new LabelledPair(sign * Normal.Sample(random, 0.1, 0.1), false))];
        var decision = MatchDecision.Calibrate(pairs, largerIsNearer: largerIsNearer);
        Assert.True(sign * decision.MatchThreshold < sign * decision.NoMatchThreshold);
        for (var score = -0.5; score < 1.5; score += 0.001)
        {
            var verdict = decision.Decide(sign * score);
            Assert.Equal(verdict.Probability >= 0.5 ? MatchAnswer.Match : MatchAnswer.NoMatch, verdict.Answer);
            Assert.Equal(verdict.Answer, decision.Decide(sign * score, prior: 0.001).Answer);
        }
        Assert.InRange(pairs.Count(pair => !pair.Same && decision.Decide(pair.Score).Answer == MatchAnswer.Match), 0, 10);
        Assert.InRange(pairs.Count(pair => pair.Same && decision.Decide(pair.Score).Answer == MatchAnswer.NoMatch), 0, 20);
    }

    /// <summary>The rates are those of the answers, also where the thresholds have changed places, and their intervals hold the true
    /// rates.</summary>
    [Theory, InlineData(0.1, 0.7), InlineData(0.1, 0.95), InlineData(0.1, 1.05), InlineData(0.1, 3)]
    public void TheRates_AreThoseOfTheAnswers(double different, double same)
    {
        const double deviation = 0.15;
        var (held, draws) = (0, 200);
        for (var seed = 0; seed < draws; seed++)
        {
            var random = new Random(seed);
            List<LabelledPair> pairs = [
                .. Enumerable.Range(0, 500).Select(_ => new LabelledPair(Normal.Sample(random, same, deviation), true)),
                .. Enumerable.Range(0, 4000).Select(_ => new LabelledPair(Normal.Sample(random, different, deviation), false))];
            var decision = MatchDecision.Calibrate(pairs);
            Assert.Equal(pairs.Count(pair => !pair.Same && decision.Decide(pair.Score).Answer == MatchAnswer.Match) / 4000.0,
                decision.FalseMatchRate.Estimate);
            Assert.Equal(pairs.Count(pair => pair.Same && decision.Decide(pair.Score).Answer == MatchAnswer.NoMatch) / 500.0,
                decision.FalseNonMatchRate.Estimate);
            var (low, high) = (different, same);
            while (high - low > 1e-9)
                if (decision.Decide((low + high) / 2).Answer == MatchAnswer.Match) high = (low + high) / 2;
                else low = (low + high) / 2;
            var real = 1 - Normal.CDF(different, deviation, high);
            if (decision.FalseMatchRate.Low <= real && real <= decision.FalseMatchRate.High) held++;
        }
        Assert.InRange(held, 0.95 * draws, draws);
    }

    [Theory, InlineData(true), InlineData(false)]
    public void ReversedScores_AreRefused(bool largerIsNearer)
    {
        var pairs = Draw(300, 4000, seed: 3).Select(pair => pair with { Score = (largerIsNearer ? -1 : 1) * pair.Score }).ToArray();
        foreach (var calibrate in new Action[] { () => MatchDecision.Calibrate(pairs, largerIsNearer: largerIsNearer),
            () => MatchDecision.TryCalibrate(pairs, out _, largerIsNearer: largerIsNearer) })
            Assert.Contains($"largerIsNearer: {(largerIsNearer ? "false" : "true")}",
                Assert.Throws<ArgumentException>("pairs", calibrate).Message, StringComparison.Ordinal);
        MatchDecision.Calibrate(pairs, largerIsNearer: !largerIsNearer);
    }

    /// <summary>A network that has learned nothing is no mistake of the caller.</summary>
    [Fact]
    public void UselessScores_AreNotRefused()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var random = new Random(seed);
            MatchDecision.Calibrate(Enumerable.Range(0, 400).Select(i => new LabelledPair(random.NextDouble(), i < 20)), 0.05, 0.05);
        }
        Assert.Equal(0.5, Separation.NearerShare([1, 1], [1, 1, 1]));
        Assert.Equal(0.75, Separation.NearerShare([1, 3], [1, 2, 0, 1]));
    }

    /// <summary>Among new pairs with a probability of about p, the share of same pairs is about p.</summary>
    [Fact]
    public void Probabilities_AreCalibrated()
    {
        var decision = MatchDecision.Calibrate(Draw(5000, 10_000, seed: 2));
        var error = Draw(5000, 10_000, seed: 3).GroupBy(pair => (int)(10 * decision.Decide(pair.Score).Probability))
            .Sum(bin => Math.Abs(bin.Sum(pair => decision.Decide(pair.Score).Probability - (pair.Same ? 1 : 0)))) / 15_000;
        Assert.InRange(error, 0, 0.02);
        var rising = Enumerable.Range(0, 100).Select(i => decision.Decide(i / 50.0 - 0.5).Probability).ToList();
        Assert.Equal(rising.Order(), rising);
    }

    /// <summary>The decision is calibrated on pairs of which a third are the same, and used on pairs of which one in a hundred is the
    /// same.</summary>
    [Fact]
    public void Probabilities_HoldUnderAnotherPrior()
    {
        var decision = MatchDecision.Calibrate(Draw(5000, 10_000, seed: 2));
        Assert.Equal(1 / 3.0, decision.Prior, 12);
        Assert.Equal(decision.Decide(0.4), decision.Decide(0.4, decision.Prior));
        const double prior = 0.01;
        var error = Draw(1000, 99_000, seed: 3).GroupBy(pair => (int)(10 * decision.Decide(pair.Score, prior).Probability))
            .Sum(bin => Math.Abs(bin.Sum(pair => decision.Decide(pair.Score, prior).Probability - (pair.Same ? 1 : 0)))) / 100_000;
        Assert.InRange(error, 0, 0.005);
        Assert.InRange(decision.Decide(double.NegativeInfinity).Probability, 1e-5, 1e-3);
        Assert.InRange(decision.Decide(double.PositiveInfinity).Probability, 0.999, 0.99999);
        Assert.Throws<ArgumentOutOfRangeException>("prior", () => decision.Decide(0.4, 1));
    }

    [Fact]
    public void Distances_ReverseTheOrder()
    {
        var similar = MatchDecision.Calibrate(Draw(500, 2000, seed: 4));
        var turned = Draw(500, 2000, seed: 4).Select(pair => pair with { Score = -pair.Score });
        var distant = MatchDecision.Calibrate(turned, largerIsNearer: false);
        Assert.Equal(-similar.MatchThreshold, distant.MatchThreshold);
        for (var score = -1.0; score < 1; score += 0.01) Assert.Equal(similar.Decide(score), distant.Decide(-score));
    }

    [Fact]
    public void ADecision_IsForItsOwnSpace()
    {
        var space = new EmbeddingSpace { Architecture = "net", Fingerprint = "aa" };
        Assert.True(MatchDecision.TryCalibrate(Draw(500, 2000, seed: 5), out var decision, space: space));
        Assert.Equal(space, MatchDecision.Calibrate(Draw(500, 2000, seed: 5), space: space).Space);
        Assert.Equal(space, MatchDecision.Parse(decision.ToJson()).Space);
        Assert.Equal(space, MatchDecision.Parse(decision.ToJson(), new EmbeddingSpace { Fingerprint = "aa", Dimension = 2 }).Space);
        var thrown = Assert.Throws<InvalidDataException>(() => MatchDecision.Parse(decision.ToJson(), space with { Fingerprint = "bb" }));
        Assert.Equal("The decision was calibrated in another embedding space: fingerprint is aa in the decision and bb in this program. "
            + "Calibrate it again.", thrown.Message);
        var unknown = MatchDecision.Calibrate(Draw(500, 2000, seed: 5));
        Assert.Null(MatchDecision.Parse(unknown.ToJson(), space).Space);
        var json = JsonNode.Parse(decision.ToJson())!.AsObject();
        json["space"] = "aa";
        Assert.Contains("embedding space", Assert.Throws<InvalidDataException>(() => MatchDecision.Parse(json.ToJsonString())).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void ADecision_ComesBackFromJson()
    {
        var decision = MatchDecision.Calibrate(Draw(500, 2000, seed: 5));
        var read = MatchDecision.Parse(decision.ToJson());
        Assert.Equal(decision.ToJson(), read.ToJson());
        for (var score = -1.0; score < 1; score += 0.01) Assert.Equal(decision.Decide(score), read.Decide(score));
        foreach (var damaged in new[] { "", "{}", "[1]", decision.ToJson().Replace("match", "x", StringComparison.Ordinal) })
            Assert.Throws<InvalidDataException>(() => MatchDecision.Parse(damaged));
        foreach (var name in JsonNode.Parse(decision.ToJson())!.AsObject().Select(member => member.Key))
        {
            var json = JsonNode.Parse(decision.ToJson())!.AsObject();
            json[name] = null;
            Assert.Contains($"'{name}'", Assert.Throws<InvalidDataException>(() => MatchDecision.Parse(json.ToJsonString())).Message,
                StringComparison.Ordinal);
        }
    }

    /// <summary>A search in steps that are not sorted would find any probability, and one above 1 would be shown as it is.</summary>
    [Theory]
    [InlineData("[0.5, 0.1]", "[0.2, 0.3]"), InlineData("[0.1, 0.1]", "[0.2, 0.3]")]
    [InlineData("[0.1, 0.5]", "[0.3, 0.2]"), InlineData("[0.1, 0.5]", "[0.3, 1.5]"), InlineData("[0.1, 0.5]", "[-0.3, 0.5]")]
    public void ADecision_WhoseStepsDoNotRise_IsRefused(string starts, string probabilities)
    {
        var json = JsonNode.Parse(MatchDecision.Calibrate(Draw(500, 2000, seed: 5)).ToJson())!.AsObject();
        (json["starts"], json["probabilities"]) = (JsonNode.Parse(starts), JsonNode.Parse(probabilities));
        Assert.Contains("its steps do not rise", Assert.Throws<InvalidDataException>(
            () => MatchDecision.Parse(json.ToJsonString())).Message, StringComparison.Ordinal);
        (json["starts"], json["probabilities"]) = (JsonNode.Parse("[0.1, 0.5]"), JsonNode.Parse("[0.3, 0.3]"));
        Assert.Equal(0.3, MatchDecision.Parse(json.ToJsonString()).Decide(0.6).Probability, 12);
    }

    [Theory]
    [InlineData(49)]        // 1 / 49.0 * 49 is less than 1
    [InlineData(100)]
    public void ExactlyEnoughPairs_AreEnough(int pairs)
    {
        var decision = MatchDecision.Calibrate(Draw(pairs, pairs, seed: 7), 1.0 / pairs, 1.0 / pairs);
        Assert.Single(Draw(pairs, pairs, seed: 7), pair => !pair.Same && pair.Score >= decision.MatchThreshold);
    }

    /// <summary>A service whose network finds nearly nothing, or everything, must be able to begin without a decision.</summary>
    [Theory, InlineData(0, 400, false), InlineData(19, 381, false), InlineData(381, 19, false), InlineData(20, 380, true),
        InlineData(380, 20, true)]
    public void ADecision_IsTriedOnFewPairs(int same, int different, bool made)
    {
        var pairs = Draw(same, different, seed: 8);
        Assert.Equal(made, MatchDecision.TryCalibrate(pairs, out var decision, falseMatchRate: 0.05, falseNonMatchRate: 0.05));
        Assert.Equal(made ? MatchDecision.Calibrate(pairs, 0.05, 0.05).ToJson() : null, decision?.ToJson());
    }

    [Fact]
    public void TryingRefusesWhatNoNumberOfPairsWouldMend()
    {
        Assert.Throws<ArgumentNullException>("pairs", () => MatchDecision.TryCalibrate(null!, out _));
        Assert.Throws<ArgumentException>("pairs", () => MatchDecision.TryCalibrate([new LabelledPair(double.NaN, true)], out _));
        Assert.Throws<ArgumentOutOfRangeException>("falseNonMatchRate",
            () => MatchDecision.TryCalibrate(Draw(5, 5, 6), out _, falseNonMatchRate: 1));
    }

    [Fact]
    public void DataThatCannotBeCalibrated_IsRefused()
    {
        var few = Assert.Throws<ArgumentException>(() => MatchDecision.Calibrate(Draw(500, 999, 6)));
        Assert.Contains("at least 1000 different", few.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => MatchDecision.Calibrate(Draw(0, 5000, 6)));
        Assert.Throws<ArgumentException>(() => MatchDecision.Calibrate([.. Draw(500, 5000, 6), new LabelledPair(double.NaN, true)]));
        Assert.Throws<ArgumentOutOfRangeException>("falseMatchRate", () => MatchDecision.Calibrate(Draw(5, 5, 6), falseMatchRate: 0));
        Assert.Throws<ArgumentOutOfRangeException>("confidence", () => MatchDecision.Calibrate(Draw(5, 5, 6), confidence: double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>("score", () => MatchDecision.Calibrate(Draw(500, 5000, 6)).Decide(double.NaN));
    }
}
