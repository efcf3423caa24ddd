using System.Text.Json;
using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class KReciprocalRerankerTests
{
    private static readonly Gen<(int K1, int K2, double Lambda)> parameters = Gen.Select(Gen.Int[1, 24], Gen.Int[1, 9], Gen.Double[0, 1]);

    [Fact]
    public void Rerank_OfMatrices_IsTheDenseOracleToTheBit() =>
        Gen.Select(RetrievalCase.Tied, parameters, Gen.Bool, Gen.Bool).Sample((c, p, squares, symmetric) =>
        {
            using var scope = NewDisposeScope();
            var d = Union(c, Distance.EuclideanSquared);
            if (!symmetric)
                for (var i = 0; i < d.GetLength(0); i++)
                    for (var j = 0; j < d.GetLength(0); j++)
                        if (i < c.Query.Length == j < c.Query.Length) d[i, j] += i;      // the mixed blocks are given as one matrix
            var reranker = new KReciprocalReranker(p.K1, p.K2, p.Lambda)
            {
                Dialect = squares ? KReciprocalDialect.TorchReId : KReciprocalDialect.Zhong,
            };
            // Row i is computed from column i, as in the published code.
            var (queries, count) = (c.Query.Length, d.GetLength(0));
            var given = new double[count, count];
            for (var i = 0; i < count; i++)
                for (var j = 0; j < count; j++) given[i, j] = squares ? d[j, i] * d[j, i] : d[j, i];
            var normalized = KReciprocalOracle.OverRowMaximum(given);
            var jaccard = KReciprocalOracle.Jaccard(normalized, normalized, p.K1, p.K2, listed: count);
            var all = tensor(d);
            var result = reranker.Rerank(all.narrow(0, 0, queries).narrow(1, queries, count - queries),
                all.narrow(0, 0, queries).narrow(1, 0, queries), all.narrow(0, queries, count - queries)
                    .narrow(1, queries, count - queries));
            var actual = result.Matrix(ScalarType.Float64);
            Assert.Equal([queries, count - queries], actual.shape);
            for (var i = 0; i < queries; i++)
                for (var j = queries; j < count; j++)
                    Assert.Equal(jaccard[i, j] * (1 - p.Lambda) + normalized[i, j] * p.Lambda, actual[i, j - queries].item<double>());
        }, iter: 60, threads: 1);

    [Theory]
    [InlineData("EuclideanSquared", KReciprocalDialect.Zhong)]
    [InlineData("Euclidean", KReciprocalDialect.Zhong)]
    [InlineData("EuclideanSquared", KReciprocalDialect.TorchReId)]
    [InlineData("Cosine", KReciprocalDialect.TorchReId)]
    [InlineData("Cosine", KReciprocalDialect.FastReId)]
    public void Rerank_OfFeatures_IsTheDenseOracle(string distance, KReciprocalDialect dialect) =>
        Gen.Select(distance == "Cosine" && dialect != KReciprocalDialect.FastReId ? GnnRerankerTests.Untied
            : RetrievalCase.Tied, parameters)
            .Sample((c, p) =>
            {
                using var scope = NewDisposeScope();
                using var query = c.QuerySet();
                using var gallery = c.GallerySet();
                var first = Named(distance);
                var result = new KReciprocalReranker(p.K1, p.K2, p.Lambda) { Dialect = dialect, Distance = first }
                    .Rerank(query.Features, gallery.Features).Matrix(ScalarType.Float64);
                var d = Union(c, first);
                var (queries, count) = (c.Query.Length, d.GetLength(0));
                var fastReid = dialect == KReciprocalDialect.FastReId;
                if (dialect == KReciprocalDialect.TorchReId)
                    for (var i = 0; i < count; i++)
                        for (var j = 0; j < count; j++) d[i, j] *= d[i, j];
                var squared = Union(c, Distance.EuclideanSquared);
                var blended = fastReid ? d : KReciprocalOracle.OverRowMaximum(d);
                var jaccard = fastReid ? KReciprocalOracle.Jaccard(squared, squared, p.K1, p.K2, listed: p.K1)
                    : KReciprocalOracle.Jaccard(d, blended, p.K1, p.K2, listed: count);
                for (var i = 0; i < queries; i++)
                    for (var j = queries; j < count; j++)
                        Assert.Equal(jaccard[i, j] * (1 - p.Lambda) + blended[i, j] * p.Lambda, result[i, j - queries].item<double>(),
                            1e-12);
            }, iter: 40, threads: 1);

    [Fact]
    public void Rerank_OfOneSet_CountsEachRowOnce() =>
        Gen.Select(RetrievalCase.Tied, parameters).Sample((c, p) =>
        {
            using var scope = NewDisposeScope();
            using var gallery = c.GallerySet();
            var result = new KReciprocalReranker(p.K1, p.K2, p.Lambda).Rerank(gallery.Features).Matrix(ScalarType.Float64);
            var normalized = KReciprocalOracle.OverRowMaximum(Union(c with { Query = [] }, Distance.EuclideanSquared));
            var jaccard = KReciprocalOracle.Jaccard(normalized, normalized, p.K1, p.K2, listed: c.Gallery.Length);
            for (var i = 0; i < c.Gallery.Length; i++)
                for (var j = 0; j < c.Gallery.Length; j++)
                    Assert.Equal(jaccard[i, j] * (1 - p.Lambda) + normalized[i, j] * p.Lambda, result[i, j].item<double>(), 1e-12);
        }, iter: 30, threads: 1);

    [Fact]
    public void Neighbors_AreTheNearestByIndex_AndTheFarthest_WhateverTheTiles() =>
        Gen.Select(Gen.OneOf(RetrievalCase.Tied, RetrievalCase.Plain, RetrievalCase.Wide), Gen.Int[1, 30], Gen.Int[1, 80])
            .Sample((c, k, tile) =>
        {
            using var scope = NewDisposeScope();
            using var query = c.QuerySet();
            using var gallery = c.GallerySet();
            var scores = new FeatureScores(Distance.EuclideanSquared, query.Features, gallery.Features);
            var lists = NeighborLists.Of(scores, query.Count, gallery.Count, k, tile);
            Assert.Equal(Math.Min(k, gallery.Count), lists.Width);
            for (var q = 0; q < query.Count; q++)
            {
                var keys = Enumerable.Range(0, gallery.Count).Select(row => scores.Key(q, row)).ToArray();
                Assert.Equal(Enumerable.Range(0, keys.Length).OrderBy(row => keys[row]).ThenBy(row => row).Take(k), lists.Rows(q)
                    .ToArray());
                Assert.Equal(lists.Rows(q).ToArray().Select(row => keys[row]), lists.Keys(q).ToArray());
                Assert.Equal(keys.Max(), lists.FarthestKeys[q]);
            }
        }, iter: 150, threads: 1);

    [Theory]
    [InlineData("EuclideanSquared", ScoreSieve.Int16, false)]
    [InlineData("EuclideanSquared", ScoreSieve.Float32, false)]
    [InlineData("Euclidean", ScoreSieve.Float32, true)]
    [InlineData("Cosine", ScoreSieve.Int16, true)]
    [InlineData("Cosine", ScoreSieve.Float32, false)]
    [InlineData("Dot", ScoreSieve.Int16, false)]
    [InlineData("Dot", ScoreSieve.Float32, true)]
    public void Neighbors_OfASetInItself_AreTheNearestByIndex_WhateverTheTiles(string distance, ScoreSieve sieve, bool uneven) =>
        Gen.Select(Gen.OneOf(RetrievalCase.Tied, RetrievalCase.Plain), Gen.Int[1, 30], Gen.Int[1, 40]).Sample((c, k, tile) =>
        {
            using var scope = NewDisposeScope();
            using var set = c.GallerySet();
            var features = set.Features.clone();
            if (uneven) features[^1].mul_(1000);     // the error of this row is far from those of the others
            var scores = new FeatureScores(Named(distance), features, features, sieve);
            Assert.True(scores.IsSymmetric);
            var lists = NeighborLists.Of(scores, set.Count, set.Count, k, tile);
            for (var i = 0; i < set.Count; i++)
            {
                var keys = Enumerable.Range(0, set.Count).Select(row => scores.Key(i, row)).ToArray();
                Assert.Equal(Enumerable.Range(0, keys.Length).OrderBy(row => keys[row]).ThenBy(row => row).Take(k), lists.Rows(i)
                    .ToArray());
                Assert.Equal(keys.Max(), lists.FarthestKeys[i]);
            }
        }, iter: 60, threads: 1);

    [Theory]
    [InlineData("EuclideanSquared", ScoreSieve.Int16, ScalarType.Float32)]
    [InlineData("EuclideanSquared", ScoreSieve.Float32, ScalarType.Float32)]
    [InlineData("EuclideanSquared", ScoreSieve.Float32, ScalarType.Float64)]
    [InlineData("Cosine", ScoreSieve.Int16, ScalarType.Float32)]
    [InlineData("Cosine", ScoreSieve.Float32, ScalarType.Float32)]
    [InlineData("Dot", ScoreSieve.Float32, ScalarType.Float32)]
    public void Neighbors_OfRowsThatAreHardToTellApart_AreTheNearestByIndex(string distance, ScoreSieve sieve, ScalarType type)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        // Far from the origin and close together, with equal rows and rows of very different lengths.
        var (count, width) = (360, 24);
        var close = 1000 + randn(count, width) * 1e-3;
        close[3..40] = close[3];
        var uneven = randn(count, width) * pow(10, randint(-6, 7, [count, 1]));
        foreach (var x in new[] { close.to(type), uneven.to(type), cat([uneven.narrow(0, 0, 180), close.narrow(0, 0, 180)]).to(type) })
        {
            var scores = new FeatureScores(Named(distance), x, x, sieve);
            var keys = Enumerable.Range(0, count)
                .Select(i => Enumerable.Range(0, count).Select(j => scores.Key(i, j)).ToArray()).ToArray();
            var orders = Array.ConvertAll(keys, own => Enumerable.Range(0, count).OrderBy(row => own[row]).ThenBy(row => row).ToArray());
            foreach (var (tile, k) in new[] { (2048, 21), (300, 5), (96, 60) })
            {
                var lists = NeighborLists.Of(scores, count, count, k, tile);
                for (var i = 0; i < count; i++)
                {
                    Assert.Equal(orders[i].Take(k), lists.Rows(i).ToArray());
                    Assert.Equal(keys[i].Max(), lists.FarthestKeys[i]);
                }
            }
        }
    }

    [Theory]
    [InlineData("EuclideanSquared", KReciprocalDialect.Zhong)]
    [InlineData("Euclidean", KReciprocalDialect.Zhong)]
    [InlineData("Cosine", KReciprocalDialect.Zhong)]
    [InlineData("EuclideanSquared", KReciprocalDialect.TorchReId)]
    [InlineData("Euclidean", KReciprocalDialect.TorchReId)]
    [InlineData("Cosine", KReciprocalDialect.TorchReId)]
    [InlineData("Euclidean", KReciprocalDialect.FastReId)]
    [InlineData("EuclideanSquared", KReciprocalDialect.FastReId)]
    [InlineData("Cosine", KReciprocalDialect.FastReId)]
    public void Evaluate_GivesTheFiguresOfTheMatrix_ToTheBit(string distance, KReciprocalDialect dialect) =>
        Gen.Select(Gen.OneOf(RetrievalCase.Tied, RetrievalCase.Plain), parameters, Gen.Int[1, 9], Gen.Int[1, 40], Gen.Bool)
            .Sample((c, p, queries, rows, wide) =>
            {
                using var scope = NewDisposeScope();
                using var query = c.QuerySet();
                using var gallery = c.GallerySet();
                var type = wide ? ScalarType.Float64 : ScalarType.Float32;
                using var asked = new EmbeddingSet(query.Features.to(type), query.Identities, query.Cameras);
                using var shown = new EmbeddingSet(gallery.Features.to(type), gallery.Identities, gallery.Cameras);
                var reranker = new KReciprocalReranker(p.K1, p.K2, p.Lambda) { Dialect = dialect, Distance = Named(distance) };
                var evaluator = new RetrievalEvaluator { Tiles = new TilePlan(queries, rows), Ties = TiePolicy.Optimistic };
                var given = evaluator.Evaluate(reranker.Rerank(asked.Features, shown.Features).Matrix(ScalarType.Float64),
                    asked.Identities, shown.Identities, asked.Cameras, shown.Cameras);
                foreach (var method in Enum.GetValues<RankingMethod>())
                {
                    var report = new RetrievalEvaluator
                    {
                        Reranking = reranker, Method = method, Tiles = evaluator.Tiles, Ties = evaluator.Ties,
                    }.Evaluate(asked, shown);
                    Assert.Equal(given.PerQuery.Select(q => (q.Skipped, q.AveragePrecision, q.InverseNegativePenalty)),
                        report.PerQuery.Select(q => (q.Skipped, q.AveragePrecision, q.InverseNegativePenalty)));
                }
            }, iter: 40, threads: 1);

    [Fact]
    public void Rows_AreTheSameToTheBit_ForAnyNumberOfThreads()
    {
        using var scope = NewDisposeScope();
        var c = RetrievalEvaluatorTests.Random(new SeededRandom(5), 30, 400, 24);
        using var query = c.QuerySet();
        using var gallery = c.GallerySet();
        var reranker = new KReciprocalReranker();
        var expected = reranker.Rerank(query.Features, gallery.Features).Rows(0, 30);
        var before = get_num_threads();
        try
        {
            set_num_threads(2);
            var again = reranker.Rerank(query.Features, gallery.Features);
            Assert.True(expected.equal(again.Rows(0, 30)).all().item<bool>());
            Assert.True(expected.narrow(0, 7, 5).equal(again.Rows(7, 5)).all().item<bool>());
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Theory]
    [InlineData("market1501-a")]
    [InlineData("cuhk03-np-train-dev")]
    public void Evaluate_WithReranking_GivesThePublishedFigures(string data)
    {
        var file = SharedData.Require("data", "golden", $"{data}_osnet_x0_25_msmt17.npz");
        using var json = JsonDocument.Parse(File.ReadAllText(SharedData.Require("data", "golden", "metrics.json")));
        var expected = json.RootElement.GetProperty(data).GetProperty("checkpoints").GetProperty("osnet_x0_25_msmt17")
            .GetProperty("euclidean_rerank_k1_20_k2_6_lambda_0.3");
        using var query = RealFeaturesTests.Load(file, "query");
        using var gallery = RealFeaturesTests.Load(file, "gallery");
        var found = Enum.GetValues<KReciprocalDialect>().Select(dialect => new RetrievalEvaluator
        {
            Reranking = new KReciprocalReranker { Dialect = dialect },
        }.Evaluate(query, gallery)).ToArray();
        foreach (var report in found)
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{report.Distance}: mAP {report.MeanAveragePrecision:R} rank-1 {report.RankAt(1):R} "
                + $"mINP {report.MeanInverseNegativePenalty:R}, {report.PredictedBytes} bytes");
        var torchreid = found[(int)KReciprocalDialect.TorchReId];
        Assert.Equal(expected.GetProperty("mAP").GetDouble(), torchreid.MeanAveragePrecision, 1e-5);
        Assert.Equal(expected.GetProperty("mINP").GetDouble(), torchreid.MeanInverseNegativePenalty, 1e-5);
        foreach (var k in torchreid.CutOffs) Assert.Equal(expected.GetProperty($"rank{k}").GetDouble(), torchreid.RankAt(k), 1e-9);
    }

    [Fact]
    public void Evaluator_EvaluatesTheRerankedMatrix()
    {
        var c = RetrievalEvaluatorTests.Random(new SeededRandom(6), 25, 150, 12);
        using var scope = NewDisposeScope();
        using var query = c.QuerySet();
        using var gallery = c.GallerySet();
        foreach (var reranker in new Reranker[] { new KReciprocalReranker(), new GnnReranker() })
        {
            var given = new RetrievalEvaluator().Evaluate(reranker.Rerank(query.Features, gallery.Features).Matrix(ScalarType.Float64),
                query.Identities, gallery.Identities, query.Cameras, gallery.Cameras);
            foreach (var method in Enum.GetValues<RankingMethod>())
            {
                var report = new RetrievalEvaluator { Reranking = reranker, Method = method, Tiles = new TilePlan(7, 20) }.Evaluate(query,
                    gallery);
                Assert.Equal(given.PerQuery.Select(q => q.AveragePrecision), report.PerQuery.Select(q => q.AveragePrecision));
                Assert.Contains("re-ranking", report.Distance, StringComparison.Ordinal);
            }
            var alone = new RetrievalEvaluator { Reranking = reranker, Protocol = RetrievalProtocol.SelfRetrieval }.Evaluate(gallery);
            var self = new RetrievalEvaluator { Protocol = RetrievalProtocol.SelfRetrieval }
                .Evaluate(reranker.Rerank(gallery.Features).Matrix(ScalarType.Float64), gallery.Identities, gallery.Identities);
            Assert.Equal(self.MeanAveragePrecision, alone.MeanAveragePrecision);
        }
    }

    [Fact]
    public void EqualFeatures_AndEmptySets_AreAccepted()
    {
        using var scope = NewDisposeScope();
        foreach (var reranker in new Reranker[] { new KReciprocalReranker(),
            new KReciprocalReranker { Dialect = KReciprocalDialect.FastReId }, new GnnReranker() })
        {
            Assert.True(reranker.Rerank(ones(3, 4), ones(60, 4)).Matrix().isfinite().all().item<bool>());
            Assert.True(reranker.Rerank(zeros(3, 4), zeros(6, 4)).Matrix().isfinite().all().item<bool>());
            Assert.Equal([0, 5], reranker.Rerank(ones(0, 4), ones(5, 4)).Matrix().shape);
            Assert.Equal([5, 0], reranker.Rerank(ones(5, 4), ones(0, 4)).Matrix().shape);
            Assert.Equal([0, 0], reranker.Rerank(ones(0, 4)).Matrix().shape);
        }
    }

    [Fact]
    public void Mistakes_AreNamed()
    {
        using var scope = NewDisposeScope();
        var reranker = new KReciprocalReranker();
        var nan = tensor(new[] { 1f, float.NaN }, [1, 2]);
        Assert.Contains("gallery must be finite, got NaN in row 0, column 1.",
            Assert.Throws<ArgumentException>(() => reranker.Rerank(ones(3, 2), nan)).Message, StringComparison.Ordinal);
        Assert.Contains("query must be finite", Assert.Throws<ArgumentException>(() => new GnnReranker().Rerank(nan, ones(3, 2))).Message,
            StringComparison.Ordinal);
        Assert.Contains("queryQuery must be [2, 2], got [3, 3]",
            Assert.Throws<ArgumentException>(() => reranker.Rerank(ones(2, 5), ones(3, 3), ones(5, 5))).Message, StringComparison.Ordinal);
        Assert.Contains("galleryGallery must be float32 or float64, the same in all three, got Float64",
            Assert.Throws<ArgumentException>(() => reranker.Rerank(ones(2, 5), ones(2, 2), ones(5, 5, ScalarType.Float64))).Message,
            StringComparison.Ordinal);
        Assert.Throws<NotSupportedException>(() => new KReciprocalReranker { Dialect = KReciprocalDialect.FastReId }.Rerank(ones(2, 5),
            ones(2, 2), ones(5, 5)));
        Assert.Contains("got", Assert.Throws<ArgumentException>(() => new KReciprocalReranker { Distance = Distance.Dot }).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new KReciprocalReranker(k1: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new KReciprocalReranker(lambda: 1.1));
        Assert.Throws<ArgumentOutOfRangeException>(() => reranker.Rerank(ones(2, 5), ones(3, 5)).Rows(1, 2));
    }

    private static Distance Named(string distance) => distance switch
    {
        "Cosine" => Distance.Cosine,
        "Dot" => Distance.Dot,
        "Euclidean" => Distance.Euclidean,
        _ => Distance.EuclideanSquared,
    };

    /// <summary>Distances between all rows of queries and gallery.</summary>
    private static double[,] Union(RetrievalCase c, Distance distance)
    {
        float[][] rows = [.. c.Query, .. c.Gallery];
        var result = new double[rows.Length, rows.Length];
        for (var i = 0; i < rows.Length; i++)
            for (var j = 0; j < rows.Length; j++)
            {
                var key = RetrievalOracle.Key(distance, rows[i], rows[j]);
                result[i, j] = distance == Distance.Cosine ? Math.Max(0, 1 + key) : distance == Distance.Euclidean ? Math.Sqrt(key) : key;
            }
        return result;
    }

    /// <summary>A list has one row more than k1, which must not overflow.</summary>
    [Theory]
    [InlineData(1e80)]
    [InlineData(1e149)]
    public void SquaresThatOverflow_AreRefused_WithTheRow(double size)
    {
        using var scope = NewDisposeScope();
        var rows = arange(18, ScalarType.Float64).view(6, 3) * size / 20;
        var reranker = new KReciprocalReranker(2, 2) { Dialect = KReciprocalDialect.TorchReId };
        foreach (var call in new Action[] { () => reranker.Rerank(rows), () => reranker.Rerank(rows, rows) })
            Assert.Contains("the squares of those of row 0 overflow", Assert.Throws<ArgumentException>(call).Message,
                StringComparison.Ordinal);
        using var near = new KReciprocalReranker(2, 2).Rerank(rows);
        Assert.True(near.Matrix(ScalarType.Float64).isfinite().all().item<bool>());
    }

    [Fact]
    public void GivenDistances_WhoseSquaresOverflow_OrThatAreNegative_AreRefused_WithTheRow()
    {
        using var scope = NewDisposeScope();
        var (few, many, all) = (ones(2, 3), ones(2, 2), ones(3, 3));
        few[1, 2] = 1e30f;
        var squaring = new KReciprocalReranker { Dialect = KReciprocalDialect.TorchReId };
        Assert.Contains("those of query 1 overflow in Float32",
            Assert.Throws<ArgumentException>(() => squaring.Rerank(few, many, all)).Message, StringComparison.Ordinal);
        using var plain = new KReciprocalReranker().Rerank(few, many, all);
        Assert.True(plain.Matrix().isfinite().all().item<bool>());
        var similarities = Assert.Throws<ArgumentException>(() => new KReciprocalReranker().Rerank(-few, -many, -all));
        Assert.Contains("The distances of query 0 must not all be negative", similarities.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheGreatestK1_IsThatOfAllRows()
    {
        foreach (var dialect in Enum.GetValues<KReciprocalDialect>())
        {
            using var scope = NewDisposeScope();
            var features = randn(12, 4);
            Tensor Of(int k1) => new KReciprocalReranker(k1, 3) { Dialect = dialect }.Rerank(features).Matrix(ScalarType.Float64);
            // Half of k1 counts too, so it is also as large as the set.
            Assert.Equal(Of(100).data<double>().ToArray(), Of(int.MaxValue).data<double>().ToArray());
        }
    }

    /// <summary>The lists of all rows would not fit into an array. The call says so before it begins.</summary>
    [Fact]
    public void ListsThatNoArrayHolds_AreRefusedBeforeTheWork()
    {
        var e = Assert.Throws<InvalidOperationException>(() => NeighborLists.Of(null!, 50_000, 50_000, 50_000));
        Assert.Equal("Lists of 50000 neighbors of 50000 rows have 2500000000 entries, and at most 2147483591 can be kept. "
            + "Shorten the lists.", e.Message);
    }
}
