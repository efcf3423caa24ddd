using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that objects that own tensors refuse to work after they are disposed. They must not read memory that was freed.</summary>
[LeavesNoTensors]
public class DisposedResultTests
{
    private static EmbeddingSet Set() => new(rand(12, 4), [.. Enumerable.Range(0, 12).Select(row => row / 2L)],
        [.. Enumerable.Range(0, 12).Select(row => row % 2L)]);

    /// <summary>Each type: how it is made from a set, and its members that use what it owns.</summary>
    private static readonly Dictionary<string, Owner> types = new()
    {
        [nameof(EmbeddingSet)] = new(_ => Set(),
            [(x, _) => ((EmbeddingSet)x).Features.size(0), (x, _) => new RetrievalEvaluator().Evaluate((EmbeddingSet)x),
                (x, _) => ((EmbeddingSet)x).Save("/nowhere/x.safetensors")]),
        [nameof(KMeansResult)] = new(set => new KMeans(3).Fit(set.Features), [(x, _) => ((KMeansResult)x).Centers.size(0)]),
        [nameof(CameraNormalization)] = new(set => CameraNormalization.Fit(set), [(x, set) => ((CameraNormalization)x).Apply(set)]),
        [nameof(PrincipalComponents)] = new(set => PrincipalComponents.Fit(set), [(x, set) => ((PrincipalComponents)x).Apply(set)]),
    };

    private sealed record Owner(Func<EmbeddingSet, IDisposable> Make, Action<IDisposable, EmbeddingSet>[] Uses);

    public static TheoryData<string> Names => [.. types.Keys];

    [Theory, MemberData(nameof(Names))]
    public void ADisposedObject_SaysSo(string type)
    {
        using var scope = NewDisposeScope();
        using var set = Set();
        var (make, uses) = types[type];
        var made = make(set);
        made.Dispose();
        made.Dispose();     // a second time does nothing
        Assert.All(uses, use => Assert.Contains(type, Assert.Throws<ObjectDisposedException>(() => use(made, set)).ObjectName));
    }

    public static TheoryData<Reranker> Rerankers =>
    [
        .. Enum.GetValues<KReciprocalDialect>().Select(dialect => new KReciprocalReranker(5, 2, 0.3) { Dialect = dialect }),
        new GnnReranker(5, 2),
    ];

    [Theory, MemberData(nameof(Rerankers))]
    public void RerankedDistances_LiveAsLongAsTheirScope(Reranker reranker)
    {
        using var scope = NewDisposeScope();
        RerankedDistances left;
        using (NewDisposeScope())
        {
            left = reranker.Rerank(rand(12, 8), rand(30, 8));
            Assert.Equal([2, 30], left.Rows(0, 2).shape);
        }
        // Only the distances of k-reciprocal re-ranking are computed from tensors of the scope.
        if (reranker is not KReciprocalReranker) left.Dispose();
        Assert.Throws<ObjectDisposedException>(() => left.Rows(0, 2));
        Assert.Throws<ObjectDisposedException>(() => left.Matrix());
    }

    [Fact]
    public void AnEvaluatorWithAReranker_RefusesAMatrix()
    {
        using var scope = NewDisposeScope();
        var evaluator = new RetrievalEvaluator { Reranking = new KReciprocalReranker() };
        long[] identities = [1, 2, 1];
        Assert.Throws<InvalidOperationException>(() => evaluator.Evaluate(rand(3, 3), identities, identities));
        Assert.Throws<InvalidOperationException>(() => evaluator.Rank(rand(3, 3), identities, identities));
    }
}
