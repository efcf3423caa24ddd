using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class VerificationEvaluatorTests
{
    private static readonly double[] targets = [0, 0.01, 0.1, 0.3, 0.5, 1];

    private static readonly Distance[] distances = [Distance.Euclidean, Distance.EuclideanSquared, Distance.Cosine, Distance.Dot,
        Distance.EuclideanClamped, Distance.SignalToNoise, Distance.Euclidean.Normalized(), Distance.Lp(1)];

    private static Gen<double[]> Values { get; } = Gen.OneOf(Gen.Int[0, 8].Select(v => (double)v), Gen.Double[0, 8]).Array[1, 30];

    /// <summary>The figures of a report without the intervals of its error rates, for comparison bit for bit.</summary>
    internal static double[] Figures(VerificationReport report) =>
    [
        report.MatchingPairs, report.NonMatchingPairs, report.AreaUnderCurve, report.EqualErrorRate,
        .. targets.Select(report.TruePositiveRateAt), .. targets.Select(report.TruePositiveRateOfFastReId),
        .. report.Roc.SelectMany(p => new[] { p.Threshold, p.FalsePositiveRate, p.TruePositiveRate }),
        .. report.OperatingPoints.SelectMany(p => new[]
        {
            p.Threshold, p.ThresholdInterval.Low, p.ThresholdInterval.High, p.FalseMatchRate.Estimate, p.FalseNonMatchRate.Estimate,
            p.QuantileThreshold, p.FalseNonMatchRateAtQuantile,
        }),
    ];

    [Fact]
    public void Evaluate_OfFeatures_IsThatOfTheirDistances() => RetrievalCase.Tied.Sample(c =>
    {
        var (matching, others) = (new List<double>(), new List<double>());
        for (var q = 0; q < c.Query.Length; q++)
            for (var row = 0; row < c.Gallery.Length && c.QueryIdentities[q] != -1; row++)
                if (c.Kept(q, row))
                    (c.QueryIdentities[q] == c.GalleryIdentities[row] ? matching : others)
                        .Add(Math.Sqrt(RetrievalOracle.Key(Distance.Euclidean, c.Query[q], c.Gallery[row])));
        using var query = c.QuerySet();
        using var gallery = c.GallerySet();
        var evaluator = new VerificationEvaluator { Distance = Distance.Euclidean, FalseMatchRates = targets };
        Assert.Equal(Figures(evaluator.Evaluate(matching, others)), Figures(evaluator.Evaluate(query, gallery)));
    }, iter: 100, threads: 1);

    [Fact]
    public void Evaluate_IsTheSameToTheBit_HoweverItIsDone() =>
        Gen.Select(Gen.OneOf(RetrievalCase.Tied, RetrievalCase.Plain, RetrievalCase.Wide), Gen.Int[1, 13], Gen.Int[1, 40],
            Gen.Int[0, distances.Length - 1])
            .Sample((c, queries, rows, d) =>
            {
                using var query = c.QuerySet();
                using var gallery = c.GallerySet();
                using var wideQuery = c.QuerySet(ScalarType.Float64);
                using var wideGallery = c.GallerySet(ScalarType.Float64);
                var whole = new VerificationEvaluator { Distance = distances[d], FalseMatchRates = targets };
                var tiled = new VerificationEvaluator
                {
                    Distance = distances[d], FalseMatchRates = targets, Tiles = new TilePlan(queries, rows), MostGathered = 1,
                    SharedEdges = 0,
                };
                var expected = Figures(whole.Evaluate(query, gallery));
                Assert.Equal(expected, Figures(tiled.Evaluate(query, gallery)));
                Assert.Equal(expected, Figures(tiled.Evaluate(wideQuery, wideGallery)));
            }, iter: 60, threads: 1);

    /// <summary>All rows lie far from the origin and close to each other, or their lengths differ by a factor of a million. So the scores
    /// of a tile tell little, and most pairs are decided by their exact keys.</summary>
    [Theory, InlineData("far from the origin"), InlineData("of all lengths"), InlineData("equal up to rounding")]
    public void Evaluate_OfIllConditionedRows_IsThatOfTheirExactDistances(string rows)
    {
        var random = new SeededRandom(5);
        var set = Enumerable.Range(0, 150).Select(i => Enumerable.Range(0, 24).Select(d => (float)(rows switch
        {
            "far from the origin" => 1000 + d + random.NextDouble(-1, 1),
            "of all lengths" => Math.Pow(10, i % 7 - 3) * random.NextDouble(-1, 1),
            _ => 1 + 1e-6 * random.NextDouble(-1, 1),
        })).ToArray()).ToArray();
        long[] identities = [.. Enumerable.Range(0, set.Length).Select(i => i % 40L)];
        foreach (var distance in distances[..^1])
        {
            using var scope = NewDisposeScope();
            using var embeddings = new EmbeddingSet(tensor(set.SelectMany(row => row).ToArray()).view(set.Length, -1), identities);
            var exact = EvaluationInput.ScoresOf(distance, embeddings.Features, embeddings.Features);
            var (matching, others) = (new List<double>(), new List<double>());
            for (var i = 0; i < set.Length; i++)
                for (var j = i + 1; j < set.Length; j++)
                    (identities[i] == identities[j] ? matching : others).Add(exact.Distance(exact.Key(i, j)));
            foreach (var mostGathered in new[] { 1, 1 << 20 })
            {
                var evaluator = new VerificationEvaluator
                {
                    Distance = distance, Protocol = RetrievalProtocol.SelfRetrieval, FalseMatchRates = targets, MostGathered = mostGathered,
                    SharedEdges = mostGathered,
                };
                Assert.Equal(Figures(evaluator.Evaluate(matching, others)), Figures(evaluator.Evaluate(embeddings)));
            }
        }
    }

    [Fact]
    public void Evaluate_FindsOrderStatistics_ThatTheSampleMissed()
    {
        using var scope = NewDisposeScope();
        var random = new SeededRandom(3);
        // One query is compared with 40,000 images. Nearly all of them are so near to each other that the sample cannot tell them apart.
        var row = Enumerable.Range(0, 40_000).Select(i => i < 3 ? i : 5 + 1e-9 * random.NextDouble()).ToArray();
        var identities = row.Select((_, i) => i < 2 ? 7L : 8L).ToArray();
        var evaluator = new VerificationEvaluator { Protocol = RetrievalProtocol.NoFilter, FalseMatchRates = targets };
        var expected = Figures(evaluator.Evaluate(row[..2], row[2..]));
        var few = new VerificationEvaluator { Protocol = RetrievalProtocol.NoFilter, FalseMatchRates = targets, MostGathered = 2 };
        Assert.Equal(expected, Figures(evaluator.Evaluate(tensor(row).view(1, -1), [7], identities)));
        Assert.Equal(expected, Figures(few.Evaluate(tensor(row).view(1, -1), [7], identities)));
    }

    [Fact]
    public void Evaluate_OfASet_TakesEachPairOnce()
    {
        using var scope = NewDisposeScope();
        using var set = new EmbeddingSet(tensor(new float[] { 0, 1, 3, 7 }).view(4, 1), [1, 1, 2, 2]);
        var report = new VerificationEvaluator { Distance = Distance.Euclidean, Protocol = RetrievalProtocol.SelfRetrieval }.Evaluate(set);
        Assert.Equal((2, 4), (report.MatchingPairs, report.NonMatchingPairs));
        Assert.Equal([double.NegativeInfinity, 1, Math.BitDecrement(4), 4, double.PositiveInfinity], report.Roc.Select(p => p.Threshold));
    }

    /// <summary>The limit is that of pairs after the protocol has removed some.</summary>
    [Fact]
    public void MoreMatchingPairsThanCanBeKept_AreRefused()
    {
        using var scope = NewDisposeScope();
        using var set = new EmbeddingSet(rand(5, 2), [1, 1, 1, 2, 2]);
        var evaluator = new VerificationEvaluator { Protocol = RetrievalProtocol.SelfRetrieval, MostMatching = 4 };
        Assert.Equal(4, evaluator.Evaluate(set).MatchingPairs);
        Assert.StartsWith("4 matching pairs are too many: the distances of at most 3 can be kept.",
            Assert.Throws<InvalidOperationException>(() => (evaluator with { MostMatching = 3 }).Evaluate(set)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>Tiles start after the query's own row. The pairs must be the same as with a filter of pairs.</summary>
    [Fact]
    public void Evaluate_OfASet_IsThatOfAFilter() =>
        Gen.Select(Gen.OneOf(RetrievalCase.Tied, RetrievalCase.Plain), Gen.Int[1, 13], Gen.Int[1, 40], Gen.Int[0, 2])
        .Sample((c, queries, rows, p) =>
        {
            using var set = c.GallerySet();
            var protocol = p switch
            {
                0 => RetrievalProtocol.SelfRetrieval,
                1 => RetrievalProtocol.Market1501 with { RemovesSelf = true },
                _ => RetrievalProtocol.Market1501 with { RemovesSelf = true, Keep = (x, y) => (x.Index + y.Index) % 3 > 0 },
            };
            var own = protocol.Keep;
            var evaluator = new VerificationEvaluator
            {
                Protocol = protocol, FalseMatchRates = targets, Tiles = new TilePlan(queries, rows), MostGathered = 1, SharedEdges = 0,
            };
            var filtered = evaluator with { Protocol = protocol with { Keep = (x, y) => x.Index < y.Index && (own is null || own(x, y)) } };
            Assert.Equal(Figures(filtered.Evaluate(set, set)), Figures(evaluator.Evaluate(set)));
        }, iter: 60, threads: 1);

    [Fact]
    public void Figures_AgreeWithTheOracle() => Gen.Select(Values, Values).Sample((matching, others) =>
    {
        var report = new VerificationEvaluator { FalseMatchRates = targets }.Evaluate(matching, others);
        double P(double[] values, Func<double, bool> holds) => (double)values.Count(holds) / values.Length;
        Assert.Equal(matching.Average(m => others.Average(o => m < o ? 1 : m == o ? 0.5 : 0)), report.AreaUnderCurve, 1e-12);
        double[] thresholds = [double.NegativeInfinity, .. matching, .. others];
        foreach (var target in targets)
        {
            var allowed = thresholds.Where(t => P(others, o => o <= t) <= target).ToArray();
            Assert.Equal(allowed.Max(t => P(matching, m => m <= t)), report.TruePositiveRateAt(target), 1e-12);
            var point = report.OperatingPoints.Single(p => p.Target == target);
            Assert.Equal(report.TruePositiveRateAt(target), point.TruePositiveRate, 1e-12);
            Assert.Equal(P(others, o => o < point.Threshold), point.FalseMatchRate.Estimate);
            Assert.Equal(P(matching, m => m >= point.Threshold), point.FalseNonMatchRate.Estimate);
            Assert.True(point.FalseMatchRate.Estimate <= target);
            Assert.True(double.IsPositiveInfinity(point.Threshold) || P(others, o => o <= point.Threshold) > target);
            Assert.Equal(P(matching, m => m >= point.QuantileThreshold), point.FalseNonMatchRateAtQuantile);
            Assert.InRange(point.Threshold, point.ThresholdInterval.Low, double.PositiveInfinity);
            Assert.Equal(FastReId(matching, others, target), report.TruePositiveRateOfFastReId(target), 1e-12);
        }
        var roc = report.Roc;
        Assert.Equal((0.0, 0.0), (roc[0].FalsePositiveRate, roc[0].TruePositiveRate));
        Assert.Equal((1.0, 1.0), (roc[^1].FalsePositiveRate, roc[^1].TruePositiveRate));
        foreach (var point in roc)
        {
            Assert.Equal(P(others, o => o <= point.Threshold), point.FalsePositiveRate);
            Assert.Equal(P(matching, m => m <= point.Threshold), point.TruePositiveRate);
        }
        Assert.Equal(report.AreaUnderCurve, roc.Zip(roc.Skip(1), (a, b) =>
            (b.FalsePositiveRate - a.FalsePositiveRate) * (a.TruePositiveRate + b.TruePositiveRate) / 2).Sum(), 1e-12);
        var e = report.EqualErrorRate;
        Assert.Contains(roc.Zip(roc.Skip(1)), s => s.First.FalsePositiveRate <= e + 1e-12 && e <= s.Second.FalsePositiveRate + 1e-12
            && s.First.TruePositiveRate <= 1 - e + 1e-12 && 1 - e <= s.Second.TruePositiveRate + 1e-12);
    }, iter: 400, threads: 1);

    /// <summary>scikit-learn's roc_curve with drop_intermediate, step by step.</summary>
    private static double FastReId(double[] matching, double[] others, double target)
    {
        var curve = matching.Concat(others).Distinct().OrderDescending()
            .Select(t => (False: matching.Count(m => m >= t), True: others.Count(o => o >= t))).ToArray();
        var kept = curve.Where((p, i) => i == 0 || i == curve.Length - 1
            || curve[i + 1].False - 2 * p.False + curve[i - 1].False != 0 || curve[i + 1].True - 2 * p.True + curve[i - 1].True != 0);
        return kept.Prepend((False: 0, True: 0))
            .Select(p => (Rate: (double)p.False / matching.Length, True: (double)p.True / others.Length))
            .MinBy(p => Math.Abs(p.Rate - target)).True;
    }

    [Theory]
    [InlineData(new double[] { 1, 2 }, new double[] { 3, 4 }, 0.0)]
    [InlineData(new double[] { 3, 4 }, new double[] { 1, 2 }, 1.0)]
    [InlineData(new double[] { 1, 3 }, new double[] { 2, 4 }, 0.5)]
    [InlineData(new double[] { 1, 1, 1 }, new double[] { 1, 1 }, 0.5)]
    [InlineData(new double[] { 1, 1, 1, 9 }, new double[] { 2, 3, 4, 5 }, 0.25)]
    public void EqualErrorRate_IsWhereBothErrorsMeet(double[] matching, double[] others, double expected) =>
        Assert.Equal(expected, new VerificationEvaluator().Evaluate(matching, others).EqualErrorRate, 1e-12);

    [Fact]
    public void Evaluate_WithoutPairsOfBothKinds_IsNaN()
    {
        var report = new VerificationEvaluator().Evaluate([1.0, 2.0], []);
        Assert.True(double.IsNaN(report.AreaUnderCurve) && double.IsNaN(report.EqualErrorRate)
            && double.IsNaN(report.TruePositiveRateAt(0.1)));
        Assert.True(double.IsNaN(report.TruePositiveRateOfFastReId(0.1)));
        Assert.Empty(report.OperatingPoints);
    }

    [Fact]
    public void Evaluate_RefusesWhatIsNotFinite()
    {
        using var scope = NewDisposeScope();
        Assert.Contains("nonMatching must be finite, got NaN at 1.", Assert.Throws<ArgumentException>(
            () => new VerificationEvaluator().Evaluate([1.0], [0.0, double.NaN])).Message, StringComparison.Ordinal);
        using var matrix = tensor(new[] { 1, float.NaN }).view(1, 2);
        Assert.Contains("row 0, column 1", Assert.Throws<ArgumentException>(
            () => new VerificationEvaluator { Protocol = RetrievalProtocol.NoFilter }
            .Evaluate(matrix, [1], [1, 2])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenSet_CountsAlarms()
    {
        using var scope = NewDisposeScope();
        using var query = new EmbeddingSet(tensor(new float[] { 0, 10, 20, 2, 15 }).view(5, 1), [1, 2, 3, 8, 9]);
        using var gallery = new EmbeddingSet(tensor(new[] { 0.5f, 10.1f, 29 }).view(3, 1), [1, 2, 3]);
        var report = new OpenSetEvaluator { Distance = Distance.Euclidean, Protocol = RetrievalProtocol.NoFilter }.Evaluate(query, gallery);
        // The unknown queries are 1.5 and 4.9 from their nearest images. Query 20 is nearest to 29.
        Assert.Equal((3, 2), (report.KnownQueries, report.UnknownQueries));
        Assert.Equal(1.5, report.ThresholdAt(0), 1e-6);
        Assert.Equal(4.9, report.ThresholdAt(0.5), 1e-6);
        Assert.Equal(2.0 / 3, report.DetectionAndIdentificationRateAt(0), 1e-12);
        Assert.Equal(1, report.DetectionAndIdentificationRateAt(1), 1e-12);
        Assert.Contains("3 known and 2 unknown queries", report.ToString(), StringComparison.Ordinal);
        Assert.Contains("FAR 0.1 %: DIR 66.67 %, 66.67 % within 20, alarm below 1.5", report.ToString(), StringComparison.Ordinal);
        using var known = new EmbeddingSet(tensor(new float[] { 0 }).view(1, 1), [1]);
        Assert.Contains("DIR –", new OpenSetEvaluator().Evaluate(known, gallery).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", new OpenSetEvaluator().Evaluate(known, gallery).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void OpenSet_LooksForAMatchUpToTheRank()
    {
        using var scope = NewDisposeScope();
        using var query = new EmbeddingSet(tensor(new float[] { 0, 10, 20, 40 }).view(4, 1), [1, 2, 3, 9]);
        // Query 0's match comes second at 2, query 10's first at 0.5, query 20's third at 4; the stranger is 8 from the nearest.
        using var gallery = new EmbeddingSet(tensor(new[] { 1f, 2, 10.5f, 19, 22, 24, 32 }).view(7, 1), [5, 1, 2, 6, 6, 3, 7]);
        var evaluator = new OpenSetEvaluator { Distance = Distance.Euclidean, Protocol = RetrievalProtocol.NoFilter, MaxRank = 3 };
        var report = evaluator.Evaluate(query, gallery);
        Assert.Equal((3, 1), (report.KnownQueries, report.UnknownQueries));
        Assert.Equal([1, 2, 3], Enumerable.Range(1, 3).Select(rank => 3 * report.DetectionAndIdentificationRateAt(0, rank)));
        Assert.Equal(1.0 / 3, report.DetectionAndIdentificationRateAt(0));
        Assert.Equal("rank must be at most MaxRank = 3 of the evaluator.", Assert.Throws<ArgumentOutOfRangeException>(
            () => report.DetectionAndIdentificationRateAt(0, 4)).Message.Split(" (")[0]);
    }

    [Fact]
    public void OpenSet_AMatchBeyondTheThresholdIsNotDetectedWhereverItRanks()
    {
        using var scope = NewDisposeScope();
        using var query = new EmbeddingSet(tensor(new float[] { 0, 10 }).view(2, 1), [1, 9]);
        // Query 0's match is 3 from it. The image nearest to the stranger, query 10, is 2 from it.
        using var gallery = new EmbeddingSet(tensor(new[] { 1f, 3, 12 }).view(3, 1), [5, 1, 7]);
        var report = new OpenSetEvaluator { Distance = Distance.Euclidean, Protocol = RetrievalProtocol.NoFilter }.Evaluate(query, gallery);
        Assert.Equal(0, report.DetectionAndIdentificationRateAt(0, 2));
        Assert.Equal(1, report.DetectionAndIdentificationRateAt(1, 2));
        Assert.Equal(0, report.DetectionAndIdentificationRateAt(1, 1));
    }
}
