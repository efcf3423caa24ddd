using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests an evaluator whose protocol is null, and that a protocol that is set is always enforced.</summary>
[LeavesNoTensors]
public class DefaultProtocolTests
{
    private static readonly long[] identities = [1, 1, 2, 2, 3];

    private static EmbeddingSet Set(long[]? cameras = null) => new(tensor(new float[] { 1, 0, 9, 1, 0, 1, 1, 8, 1, 1 }, [5, 2]), identities,
        cameras);

    [Fact]
    public void WithoutCameras_AllGalleryImagesCount()
    {
        using var query = Set();
        using var gallery = Set();
        using var distances = Distance.Cosine.Matrix(query.Features, gallery.Features);
        var report = new RetrievalEvaluator().Evaluate(query, gallery);
        Assert.Same(RetrievalProtocol.NoFilter, report.Protocol);
        Assert.Equal((5, 1.0), (report.ValidQueries, report.RankAt(1)));        // each query finds itself
        Assert.All(report.PerQuery, q => Assert.Equal(5, q.Candidates));
        Assert.Same(RetrievalProtocol.NoFilter, new RetrievalEvaluator().Evaluate(distances, identities, identities).Protocol);
        Assert.Equal(5, new RetrievalEvaluator().Rank(query, gallery)[0].Count);
        var pairs = new VerificationEvaluator().Evaluate(query, gallery);
        Assert.Same(RetrievalProtocol.NoFilter, pairs.Protocol);
        Assert.Equal((9, 16), (pairs.MatchingPairs, pairs.NonMatchingPairs));
        Assert.Same(RetrievalProtocol.NoFilter, new VerificationEvaluator().Evaluate(distances, identities, identities).Protocol);
        Assert.Same(RetrievalProtocol.NoFilter, new OpenSetEvaluator().Evaluate(query, gallery).Protocol);
    }

    [Fact]
    public void WithoutCameras_OneSetIsComparedWithAllOthers()
    {
        using var set = Set();
        var report = new RetrievalEvaluator().Evaluate(set);
        Assert.Equal(RetrievalProtocol.SelfRetrieval, report.Protocol);
        Assert.All(report.PerQuery, q => Assert.Equal(4, q.Candidates));
        Assert.Equal(SkipReason.OnlyItself, report.PerQuery[4].Skipped);
        var pairs = new VerificationEvaluator().Evaluate(set);
        Assert.Equal(RetrievalProtocol.SelfRetrieval, pairs.Protocol);
        Assert.Equal((2, 8), (pairs.MatchingPairs, pairs.NonMatchingPairs));
    }

    [Fact]
    public void WithCameras_ItIsMarket1501()
    {
        using var query = Set([1, 2, 1, 1, 1]);
        using var gallery = Set([1, 2, 1, 1, 1]);
        var report = new RetrievalEvaluator().Evaluate(query, gallery);
        Assert.Same(RetrievalProtocol.Market1501, report.Protocol);
        Assert.Equal([4, 4, 3, 3, 4], report.PerQuery.Select(q => q.Candidates));
        Assert.Same(RetrievalProtocol.Market1501, new RetrievalEvaluator().EvaluateByCameraPair(query, gallery)[1, 2].Protocol);
        Assert.Same(RetrievalProtocol.Market1501, new VerificationEvaluator().Evaluate(query, gallery).Protocol);
        Assert.Same(RetrievalProtocol.Market1501, new OpenSetEvaluator().Evaluate(query, gallery).Protocol);
        var alone = new RetrievalEvaluator().Evaluate(query);
        Assert.Equal(RetrievalProtocol.Market1501 with { RemovesSelf = true }, alone.Protocol);
        Assert.Equal(report.PerQuery.Select(q => q.Candidates), alone.PerQuery.Select(q => q.Candidates));
        Assert.Contains("Market-1501 (same identity and camera removed; self removed by index; junk identity -1 removed)",
            alone.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void CamerasOnOneSideOnly_AreRefused()
    {
        using var with = Set([1, 2, 1, 1, 1]);
        using var without = Set();
        using var distances = zeros(5, 5);
        foreach (var evaluate in new Action[]
        {
            () => new RetrievalEvaluator().Evaluate(with, without), () => new RetrievalEvaluator().Rank(with, without),
            () => new RetrievalEvaluator().PredictBytes(with, without), () => new VerificationEvaluator().Evaluate(with, without),
            () => new OpenSetEvaluator().Evaluate(with, without),
            () => new RetrievalEvaluator().Evaluate(distances, identities, identities, queryCameras: with.Cameras),
            () => new VerificationEvaluator().Evaluate(distances, identities, identities, queryCameras: with.Cameras),
        })
            Assert.Equal("The query has cameras, but the gallery has none, so there is no default protocol; give cameras to both or to "
                + "neither, or set Protocol.", Assert.Throws<ArgumentException>(evaluate).Message);
        Assert.StartsWith("The gallery has cameras, but the query has none", Assert.Throws<ArgumentException>(
            () => new RetrievalEvaluator().Evaluate(without, with)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AProtocolThatIsSet_IsEnforced()
    {
        using var with = Set([1, 2, 1, 1, 1]);
        using var without = Set();
        foreach (var evaluate in new Action[]
        {
            () => new RetrievalEvaluator { Protocol = RetrievalProtocol.Market1501 }.Evaluate(without, without),
            () => new RetrievalEvaluator { Protocol = RetrievalProtocol.Market1501 }.Evaluate(without),
            () => new VerificationEvaluator { Protocol = RetrievalProtocol.Market1501 }.Evaluate(without, without),
            () => new OpenSetEvaluator { Protocol = RetrievalProtocol.Market1501 }.Evaluate(without, without),
        })
            Assert.Contains("compares cameras, but there are none", Assert.Throws<ArgumentException>(evaluate).Message,
                StringComparison.Ordinal);
        var report = new RetrievalEvaluator { Protocol = RetrievalProtocol.NoFilter }.Evaluate(with, without);
        Assert.Same(RetrievalProtocol.NoFilter, report.Protocol);
        Assert.All(report.PerQuery, q => Assert.Equal(5, q.Candidates));
    }

    [Fact]
    public void TheGivenMatrix_ChecksTheCamerasToo()
    {
        using var distances = zeros(5, 5);
        Assert.Contains("galleryCameras must have one entry per column of distances [5, 5], got 2", Assert.Throws<ArgumentException>(
            () => new VerificationEvaluator().Evaluate(distances, identities, identities, identities, [1, 2])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Evaluators_AreRecords()
    {
        var retrieval = new RetrievalEvaluator { MaxRank = 7, Tiles = new TilePlan(3, 4) };
        var other = retrieval with { Ties = TiePolicy.Optimistic };
        Assert.Equal((7, TiePolicy.Optimistic, retrieval.Tiles), (other.MaxRank, other.Ties, other.Tiles));
        Assert.Equal(TiePolicy.ByIndex, retrieval.Ties);
        Assert.Equal(retrieval, other with { Ties = TiePolicy.ByIndex });
        Assert.Equal(new KReciprocalReranker(k1: 9) { Dialect = KReciprocalDialect.TorchReId },
            new KReciprocalReranker { Dialect = KReciprocalDialect.TorchReId } with { K1 = 9 });
        Assert.Equal(new GnnReranker(k2: 2), new GnnReranker() with { K2 = 2 });
        Assert.Equal(new KMeans(4, seed: 2), new KMeans(3) with { Clusters = 4, Seed = 2 });
        Assert.Equal(new QueryExpansion(2, 1), new QueryExpansion() with { Neighbors = 2, Alpha = 1 });
        Assert.Equal(new Bootstrap { Seed = 5 }, new Bootstrap() with { Seed = 5 });
        Assert.Equal(0.9, (new VerificationEvaluator { Confidence = 0.9 } with { MemoryBudget = 1 }).Confidence);
        Assert.Equal(3, (new OpenSetEvaluator { MaxRank = 3 } with { MemoryBudget = 1 }).MaxRank);
    }
}
