using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that nothing that compares rows by their cosine depends on how short they are.</summary>
[LeavesNoTensors]
public class ShortRowsTests
{
    /// <summary>Integers, with zero rows among them, so that a power of two changes no digit, not even where float32 has few.</summary>
    private static (Tensor Rows, long[] Identities) Rows(ulong seed, int count)
    {
        var random = new SeededRandom(seed);
        var numbers = new float[count * 5];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = i / 5 % 9 == 8 ? 0 : random.NextInt(9) - 4;
        return (tensor(numbers, [count, 5]), [.. Enumerable.Range(0, count).Select(_ => (long)random.NextInt(6))]);
    }

    /// <summary>The same rows, each multiplied by a power of two that makes most of them short.</summary>
    private static Tensor Shortened(Tensor rows, ulong seed)
    {
        var random = new SeededRandom(seed + 1);
        var exponents = new[] { 0, -39, -60, -100, -140 };
        return rows * tensor(Enumerable.Range(0, (int)rows.size(0)).Select(_ => MathF.ScaleB(1, exponents[random.NextInt(5)])).ToArray())
            .unsqueeze(1);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void Figures_DoNotDependOnTheLengthsOfRows(ScalarType type)
    {
        for (var seed = 0UL; seed < 5; seed++)
        {
            using var scope = NewDisposeScope();
            var (rows, identities) = Rows(seed, 40);
            using var set = new EmbeddingSet(rows.to(type, copy: true), identities);
            using var shortened = new EmbeddingSet(Shortened(rows, seed).to(type), identities);
            foreach (var sieve in Enum.GetValues<ScoreSieve>())
                foreach (var reranking in new Reranker?[] { null, new GnnReranker(4, 2), Of(KReciprocalDialect.Zhong),
                    Of(KReciprocalDialect.TorchReId) })
                {
                    var evaluator = new RetrievalEvaluator { Sieve = sieve, Reranking = reranking, Ties = TiePolicy.Expected };
                    var (expected, actual) = (evaluator.Evaluate(set), evaluator.Evaluate(shortened));
                    Assert.Equal(expected.PerQuery.Select(q => q.AveragePrecision), actual.PerQuery.Select(q => q.AveragePrecision));
                    Assert.Equal(evaluator.Rank(set, set).SelectMany(list => list.Distances),
                        evaluator.Rank(shortened, shortened).SelectMany(list => list.Distances));
                }
            var verification = new VerificationEvaluator();
            Assert.Equal(verification.Evaluate(set).ToString(), verification.Evaluate(shortened).ToString());
            Assert.Equal(new Dbscan(0.1, 2).Fit(set.Features).Assignments, new Dbscan(0.1, 2).Fit(shortened.Features).Assignments);
        }
    }

    [Theory]
    [InlineData(KReciprocalDialect.Zhong)]
    [InlineData(KReciprocalDialect.TorchReId)]
    public void RerankedDistances_DoNotDependOnTheLengthsOfRows(KReciprocalDialect dialect)
    {
        for (var seed = 0UL; seed < 5; seed++)
        {
            using var scope = NewDisposeScope();
            var (rows, _) = Rows(seed, 30);
            using var expected = Of(dialect).Rerank(rows.narrow(0, 0, 7), rows.narrow(0, 7, 23));
            var shortened = Shortened(rows, seed);
            using var actual = Of(dialect).Rerank(shortened.narrow(0, 0, 7), shortened.narrow(0, 7, 23));
            var row = actual.Rows(0, 7);
            Assert.True(expected.Rows(0, 7).Equals(row));
            Assert.True(row.Equals(actual.Matrix(ScalarType.Float64)));       // the result holds the rows that it reads
        }
    }

    [Fact]
    public void ExpansionOfShortRows_IsThatOfTheRows_Shortened()
    {
        using var scope = NewDisposeScope();
        var (rows, identities) = Rows(3, 30);
        var factor = MathF.ScaleB(1, -100);
        using var set = new EmbeddingSet(rows.clone(), identities);
        using var shortened = new EmbeddingSet(rows * factor, identities);
        using var expected = new QueryExpansion(4).Augment(set);
        using var actual = new QueryExpansion(4).Augment(shortened);
        Assert.True((expected.Features * factor).Equals(actual.Features));
    }

    private static KReciprocalReranker Of(KReciprocalDialect dialect) => new(5, 3) { Dialect = dialect, Distance = Distance.Cosine };
}
