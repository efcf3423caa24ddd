using CsCheck;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class MetricDialectsTests
{
    [Fact]
    public void CutOffs_AgreeWithTheOracle() => RetrievalCase.Tied.Sample(c =>
    {
        var report = c.Evaluate(new RetrievalEvaluator { Distance = Distance.Euclidean, CutOffs = [1, 4, 90] });
        foreach (var result in report.PerQuery)
        {
            var ranks = c.Ranks(result.Query, Distance.Euclidean);
            if (ranks.Length == 0)
            {
                Assert.True(double.IsNaN(result.PrecisionAt(4)) && double.IsNaN(result.NormalizedDiscountedGain));
                continue;
            }
            double Ideal(int k) => Enumerable.Range(1, Math.Min(k, ranks.Length)).Sum(i => 1 / Math.Log2(i + 1));
            Assert.Equal(ranks.Sum(r => 1 / Math.Log2(r + 1)) / Ideal(ranks.Length), result.NormalizedDiscountedGain, 1e-12);
            foreach (var k in report.CutOffs)
            {
                var found = ranks.Where(r => r <= k).ToArray();
                var precisions = found.Select((r, i) => (i + 1.0) / r).Sum();
                Assert.Equal(found.Length / (double)k, result.PrecisionAt(k), 1e-12);
                Assert.Equal(found.Length / (double)Math.Min(k, ranks.Length), result.PrecisionAt(k, CutOffDivisor.Reachable), 1e-12);
                Assert.Equal(precisions / Math.Min(k, ranks.Length), result.AveragePrecisionAt(k), 1e-12);
                Assert.Equal(precisions / ranks.Length, result.AveragePrecisionAt(k, CutOffDivisor.Matches), 1e-12);
                Assert.Equal(found.Length == 0 ? 0 : precisions / found.Length, result.AveragePrecisionAt(k, CutOffDivisor.Found), 1e-12);
                Assert.Equal(found.Sum(r => 1 / Math.Log2(r + 1)) / Ideal(k), result.NormalizedDiscountedGainAt(k), 1e-12);
            }
        }
        var without = AccuracyCalculatorFigures.Of(report);
        Assert.Equal(report.MeanAveragePrecision, without.MeanAveragePrecision, 1e-12);
        Assert.Equal(report.MeanAveragePrecisionAtR, without.MeanAveragePrecisionAtR, 1e-12);
        Assert.Equal(report.RPrecision, without.RPrecision, 1e-12);
        Assert.Equal(without.Queries, AccuracyCalculatorFigures.ByClass(report, c.QueryIdentities).Values.Sum(f => f.Queries));
    }, iter: 100, threads: 1);

    [Fact]
    public void CutOffs_ThatWereNotKept_AreNamed() =>
        Assert.Contains("the cut-offs were 1, 5, 10, 20", Assert.Throws<ArgumentOutOfRangeException>(
        () => new RetrievalCase([[1]], [[1]], [1], [1], [1], [2]).Evaluate(new RetrievalEvaluator()).NormalizedDiscountedGainAt(3)).Message,
            StringComparison.Ordinal);

    /// <summary>No query counts, and the arguments are checked all the same.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Arguments_AreChecked_AlsoIfNoQueryCounts(bool counts)
    {
        using var query = EmbeddingSet.FromRows([[0f], [1f]], [1, 2]);
        using var gallery = EmbeddingSet.FromRows([[0f], [1f], [2f]], Enumerable.Range(counts ? 1 : 3, 3));
        var report = new RetrievalEvaluator { CutOffs = [1, 2] }.Evaluate(query, gallery);
        Assert.Equal(counts ? 2 : 0, report.ValidQueries);
        foreach (var call in new Action<int>[]
        {
            k => AccuracyCalculatorFigures.Of(report, k), k => AccuracyCalculatorFigures.ByClass(report, [1, 2], k),
            k => AccuracyCalculatorFigures.AverageOfAverages(report, [1, 2], k), k => report.PrecisionAt(k), k => report.RecallAt(k),
            k => report.MeanAveragePrecisionAt(k), k => report.NormalizedDiscountedGainAt(k), k => report.PerQuery[0].HitsAt(k),
            k => report.PerQuery[0].PrecisionAt(k), k => report.PerQuery[0].RankAt(k), k => report.PerQuery[0].RecallAt(k),
            k => report.PerQuery[0].AveragePrecisionAt(k), k => report.PerQuery[0].NormalizedDiscountedGainAt(k),
        })
        {
            Assert.All([0, -1, 3], k => Assert.Equal("k", Assert.Throws<ArgumentOutOfRangeException>(() => call(k)).ParamName));
            call(1);
        }
        foreach (var call in new Action<CutOffDivisor>[]
        {
            divisor => report.PrecisionAt(1, divisor), divisor => report.MeanAveragePrecisionAt(1, divisor),
            divisor => report.PerQuery[0].PrecisionAt(1, divisor), divisor => report.PerQuery[0].AveragePrecisionAt(1, divisor),
        })
        {
            Assert.Equal("divisor", Assert.Throws<ArgumentOutOfRangeException>(() => call((CutOffDivisor)9)).ParamName);
            foreach (var divisor in Enum.GetValues<CutOffDivisor>()) call(divisor);
        }
        var expected = new RetrievalEvaluator { Ties = TiePolicy.Expected }.Evaluate(query, gallery);
        Assert.Throws<NotSupportedException>(() => AccuracyCalculatorFigures.ByClass(expected, [1, 2]));
        Assert.Throws<NotSupportedException>(() => AccuracyCalculatorFigures.Of(expected));
    }
}
