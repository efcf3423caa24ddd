using System.Collections;
using System.Globalization;
using System.Reflection;
using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class RetrievalEvaluatorTests
{
    private static readonly Distance[] builtIn = [Distance.Euclidean, Distance.EuclideanSquared, Distance.Cosine, Distance.Dot];

    /// <summary>Basic distances between rows that are changed first, and a clamped one.</summary>
    private static readonly Distance[] derived = [Distance.EuclideanClamped, Distance.SignalToNoise, Distance.Euclidean.Normalized(),
        Distance.EuclideanSquared.Normalized(1), Distance.Dot.Normalized(), Distance.Cosine.Normalized(3),
        Distance.SignalToNoise.Normalized().Normalized(4)];

    private static readonly bool[] both = [false, true];

    public static TheoryData<string> Distances => [.. builtIn.Select(d => d.ToString()!)];

    public static TheoryData<string> Derived => [.. derived.Select(d => d.ToString()!)];

    private static Distance Named(string name) => builtIn.Concat(derived).Single(d => d.ToString() == name);

    [Theory]
    [MemberData(nameof(Distances))]
    public void Evaluate_AgreesWithTheOracle(string distance) =>
        (distance == nameof(Distance.Cosine) ? RetrievalCase.Plain : RetrievalCase.Tied).Sample(c =>
        {
            var report = c.Evaluate(new RetrievalEvaluator { Distance = Named(distance), MaxRank = 100 });
            var ranks = c.QueryIdentities.Select((_, q) => c.Ranks(q, Named(distance))).ToArray();
            var valid = ranks.Where(r => r.Length > 0).ToArray();
            Assert.Equal(valid.Length, report.ValidQueries);
            for (var q = 0; q < ranks.Length; q++)
            {
                var (result, expected) = (report.PerQuery[q], ranks[q]);
                Assert.Equal(expected.Length, result.Matches);
                Assert.Equal(expected.Length == 0, double.IsNaN(result.AveragePrecision));
                if (expected.Length == 0) continue;
                Assert.Equal(Enumerable.Range(0, c.Gallery.Length).Count(row => c.Kept(q, row)), result.Candidates);
                Assert.Equal(expected[0], result.FirstMatch);
                Assert.Equal(expected[^1], result.LastMatch);
                Assert.Equal(RetrievalOracle.Precision(expected), result.AveragePrecision, 1e-14);
                Assert.Equal(RetrievalOracle.Trapezoid(expected), result.AveragePrecisionTrapezoid, 1e-14);
                Assert.Equal((double)expected.Length / expected[^1], result.InverseNegativePenalty, 1e-14);
                Assert.Equal(1.0 / expected[0], result.ReciprocalRank, 1e-14);
                Assert.Equal((double)expected.Count(r => r <= expected.Length) / expected.Length, result.RPrecision, 1e-14);
                Assert.Equal(RetrievalOracle.PrecisionAtR(expected), result.AveragePrecisionAtR, 1e-14);
            }
            Assert.Equal(c.Gallery.Length, report.Cmc.Count);
            if (valid.Length == 0) return;
            for (var k = 1; k <= report.Cmc.Count; k++) Assert.Equal((double)valid.Count(r => r[0] <= k) / valid.Length, report.RankAt(k),
                1e-14);
            foreach (var k in report.CutOffs)
            {
                Assert.Equal(valid.Average(r => (double)r.Count(rank => rank <= k) / k), report.PrecisionAt(k), 1e-14);
                Assert.Equal(valid.Average(r => (double)r.Count(rank => rank <= k) / r.Length), report.RecallAt(k), 1e-14);
            }
            Assert.Equal(report.MeanAveragePrecision * valid.Length / ranks.Length, report.OverAllQueries.MeanAveragePrecision, 1e-14);
        }, iter: 150, threads: 1);

    [Theory]
    [MemberData(nameof(Derived))]
    public void Evaluate_OfADerivedDistance_AgreesWithItsPairs(string distance)
    {
        var c = Random(new SeededRandom(12), 15, 120, 17);
        using var scope = NewDisposeScope();
        using var query = c.QuerySet(ScalarType.Float64);
        using var gallery = c.GallerySet(ScalarType.Float64);
        foreach (var list in new RetrievalEvaluator { Distance = Named(distance), Tiles = new TilePlan(2, 7) }.Rank(query, gallery))
        {
            var exact = Named(distance).Pairwise(query.Features.narrow(0, list.Query, 1).expand(gallery.Count, -1), gallery.Features)
                .data<double>().ToArray();
            Assert.Equal(Enumerable.Range(0, exact.Length).Where(row => c.Kept(list.Query, row)).OrderBy(row => exact[row]), list.Indices);
            for (var i = 0; i < list.Indices.Count; i++)
                Assert.Equal(exact[list.Indices[i]], list.Distances[i], 1e-12 * (1 + Math.Abs(exact[list.Indices[i]])));
        }
    }

    [Theory]
    [MemberData(nameof(Derived))]
    public void Evaluate_OfOneQuery_IsThatAmongOthers(string distance) => RetrievalCase.Tied.Sample(c =>
    {
        var evaluator = new RetrievalEvaluator { Distance = Named(distance) };
        var together = c.Evaluate(evaluator);
        for (var q = 0; q < c.Query.Length; q++)
        {
            var alone = (c with
            {
                Query = [c.Query[q]], QueryIdentities = [c.QueryIdentities[q]], QueryCameras = [c.QueryCameras[q]],
            }).Evaluate(evaluator);
            Assert.Equal(together.PerQuery[q].AveragePrecision, alone.PerQuery[0].AveragePrecision);
        }
    }, iter: 40, threads: 1);

    [Theory]
    [MemberData(nameof(Distances))]
    [MemberData(nameof(Derived))]
    public void Evaluate_IsTheSameToTheBit_HoweverItIsDone(string distance) =>
        Gen.Select(Gen.OneOf(RetrievalCase.Tied, RetrievalCase.Plain, RetrievalCase.Wide, RetrievalCase.Extreme), Gen.Int[1, 13],
            Gen.Int[1, 40], Gen.Enum<TiePolicy>())
            .Sample((c, queries, rows, ties) =>
            {
                var one = new RetrievalEvaluator { Distance = Named(distance), Ties = ties };
                var expected = Bits(c.Evaluate(one));
                foreach (var sieve in new[] { ScoreSieve.Float32, ScoreSieve.Int16 })
                    Assert.Equal(expected, Bits(c.Evaluate(Tiled(one, RankingMethod.Counting, new TilePlan(queries, rows), sieve))));
                Assert.Equal(expected, Bits(c.Evaluate(Tiled(one, RankingMethod.Counting, new TilePlan(queries, rows, Tensors: true)))));
                Assert.Equal(expected, Bits(c.Evaluate(Tiled(one, RankingMethod.Argsort, new TilePlan(queries, rows)))));
            }, iter: 150, threads: 1);

    [Fact]
    public void Evaluate_IsTheSameToTheBit_ForAnyNumberOfThreads()
    {
        var random = new SeededRandom(3);
        var c = Random(random, 40, 700, 33);
        var expected = Bits(c.Evaluate(new RetrievalEvaluator()));
        var before = get_num_threads();
        try
        {
            set_num_threads(2);
            foreach (var sieve in Enum.GetValues<ScoreSieve>())
                Assert.Equal(expected, Bits(c.Evaluate(new RetrievalEvaluator { Tiles = new TilePlan(7, 100), Sieve = sieve })));
            Assert.Equal(expected, Bits(c.Evaluate(new RetrievalEvaluator { Method = RankingMethod.Argsort })));
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Fact]
    public void Evaluate_OfAGivenMatrix_TakesItsValuesAsTheOrder() =>
        RetrievalCase.Tied.Sample(c =>
        {
            using var scope = NewDisposeScope();
            var matrix = tensor(c.Query.SelectMany(x => c.Gallery.Select(y => (float)RetrievalOracle.Key(Distance.Dot, x, y))).ToArray())
                .view(c.Query.Length, c.Gallery.Length);
            var expected = Bits(c.Evaluate(new RetrievalEvaluator { Distance = Distance.Dot }));
            foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64 })
                foreach (var method in Enum.GetValues<RankingMethod>())
                    foreach (var tensors in both)
                        Assert.Equal(expected, Bits(new RetrievalEvaluator { Method = method, Tiles = new TilePlan(3, 5, tensors) }
                            .Evaluate(matrix.to(type), c.QueryIdentities, c.GalleryIdentities, c.QueryCameras, c.GalleryCameras)));
        }, iter: 60, threads: 1);

    private sealed class Manhattan : Distance
    {
        protected override Tensor MatrixCore(Tensor x, Tensor y) => (x.unsqueeze(1) - y.unsqueeze(0)).abs().sum(2);
        protected override Tensor PairwiseCore(Tensor x, Tensor y) => (x - y).abs().sum(1);
    }

    [Fact]
    public void Evaluate_TakesADistanceOfOnesOwn() =>
        RetrievalCase.Tied.Sample(c =>
        {
            using var scope = NewDisposeScope();
            var matrix = tensor(c.Query.SelectMany(x => c.Gallery.Select(y => x.Zip(y, (a, b) => Math.Abs(a - b)).Sum())).ToArray())
                .view(c.Query.Length, c.Gallery.Length);
            var expected = new RetrievalEvaluator().Evaluate(matrix, c.QueryIdentities, c.GalleryIdentities, c.QueryCameras,
                c.GalleryCameras);
            Assert.Equal(Bits(expected), Bits(c.Evaluate(new RetrievalEvaluator { Distance = new Manhattan() })));
        }, iter: 30, threads: 1);

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float64)]
    public void Evaluate_OfOtherTypes_IsThatOfTheSameNumbersInFloat32(ScalarType type) =>
        RetrievalCase.Tied.Sample(c =>
        {
            using var query = c.QuerySet(type);
            using var gallery = c.GallerySet(type);
            foreach (var method in Enum.GetValues<RankingMethod>())
                Assert.Equal(Bits(c.Evaluate(new RetrievalEvaluator())),
                    Bits(new RetrievalEvaluator { Method = method }.Evaluate(query, gallery)));
        }, iter: 40, threads: 1);

    [Fact]
    public void Evaluate_OfAPermutedGallery_IsTheSame() =>
        Gen.Select(Gen.Int[1, 9], Gen.Int[1, 90], Gen.ULong).Sample((queries, rows, seed) =>
        {
            var c = Random(new SeededRandom(seed), queries, rows, 5);       // without ties
            var order = Enumerable.Range(0, c.Gallery.Length).ToArray();
            new SeededRandom(seed).Shuffle(order.AsSpan());
            var permuted = c with
            {
                Gallery = Array.ConvertAll(order, i => c.Gallery[i]),
                GalleryIdentities = Array.ConvertAll(order, i => c.GalleryIdentities[i]),
                GalleryCameras = Array.ConvertAll(order, i => c.GalleryCameras[i]),
            };
            Assert.Equal(Bits(c.Evaluate(new RetrievalEvaluator())), Bits(permuted.Evaluate(new RetrievalEvaluator())));
        }, iter: 100, threads: 1);

    [Fact]
    public void Figures_KeepTheirLaws() =>
        RetrievalCase.Tied.Sample(c =>
        {
            var reports = Enum.GetValues<TiePolicy>().ToDictionary(t => t,
                t => c.Evaluate(new RetrievalEvaluator { Distance = Distance.Dot, Ties = t }));
            foreach (var report in reports.Values.Where(r => r.ValidQueries > 0))
            {
                for (var k = 1; k < report.Cmc.Count; k++) Assert.True(report.Cmc[k] >= report.Cmc[k - 1] - 1e-12, "CMC falls");
                Assert.True(report.MeanAveragePrecisionTrapezoid <= report.MeanAveragePrecision + 1e-12);
                Assert.True(report.MeanAveragePrecisionAtR <= report.RPrecision + 1e-12);
                foreach (var (best, worst) in new[] { (TiePolicy.Optimistic, report.Ties), (report.Ties, TiePolicy.Pessimistic) })
                {
                    Assert.True(reports[best].MeanAveragePrecision >= reports[worst].MeanAveragePrecision - 1e-12);
                    Assert.True(reports[best].MeanInverseNegativePenalty >= reports[worst].MeanInverseNegativePenalty - 1e-12);
                    Assert.True(reports[best].RankAt(1) >= reports[worst].RankAt(1) - 1e-12);
                }
            }
        }, iter: 100, threads: 1);

    /// <summary>So a user who draws queries anew, as a bootstrap does, meets the figures of the report in the mean.</summary>
    [Fact]
    public void RankAt_IsTheMeanOfTheQueriesParts() =>
        RetrievalCase.Tied.Sample(c =>
        {
            RetrievalProtocol[] protocols = [RetrievalProtocol.Market1501, RetrievalProtocol.VeRi, RetrievalProtocol.NoFilter,
                RetrievalProtocol.Cuhk03, RetrievalProtocol.Cuhk03 with { Shots = GalleryShots.SingleSampled, Repeats = 5 }];
            foreach (var protocol in protocols)
                foreach (var ties in Enum.GetValues<TiePolicy>())
                {
                    if (protocol.Shots != GalleryShots.All && ties == TiePolicy.Expected) continue;
                    var report = c.Evaluate(new RetrievalEvaluator
                    {
                        Distance = Distance.Dot, Protocol = protocol, Ties = ties, CutOffs = [1, 3, 20, 70], MaxRank = 20,
                    });
                    var valid = report.PerQuery.Where(query => query.Skipped == SkipReason.None).ToArray();
                    foreach (var k in report.CutOffs.Where(k => k <= 20))
                    {
                        if (valid.Length > 0) Assert.Equal(report.RankAt(k), valid.Average(query => query.RankAt(k)), 1e-12);
                        Assert.All(report.PerQuery.Except(valid), query => Assert.Equal(double.NaN, query.RankAt(k)));
                    }
                    if (valid.Length > 0 && c.Gallery.Length > 20)
                        Assert.Contains("MaxRank", Assert.Throws<ArgumentOutOfRangeException>(() => valid[0].RankAt(70)).Message);
                }
        }, iter: 60, threads: 1);

    [Fact]
    public void Expected_IsTheMeanOverAllOrdersOfTheGallery()
    {
        // The keys of the six gallery images. Identity 1 is the query's. There are two groups of ties: one match among three images, and
        // two matches among three.
        double[] keys = [0.5, 0.5, 0.5, 0.7, 0.7, 0.7];
        long[] identities = [1, 2, 3, 1, 1, 2];
        var orders = Permutations([0, 1, 2, 3, 4, 5]).ToArray();
        Assert.Equal(720, orders.Length);
        var reports = orders.Select(o => One(TiePolicy.ByIndex, Array.ConvertAll(o, i => keys[i]), Array.ConvertAll(o, i => identities[i])))
            .ToArray();
        var expected = One(TiePolicy.Expected, keys, identities);
        foreach (var value in new Func<RetrievalReport, double>[]
        {
            r => r.MeanAveragePrecision, r => r.MeanAveragePrecisionTrapezoid, r => r.MeanInverseNegativePenalty, r => r.MeanReciprocalRank,
            r => r.RPrecision, r => r.MeanAveragePrecisionAtR, r => r.RankAt(1), r => r.RankAt(2), r => r.RankAt(5), r => r.PrecisionAt(5),
            r => r.RecallAt(1), r => r.PerQuery[0].FirstMatch, r => r.PerQuery[0].LastMatch,
        })
            Assert.Equal(reports.Average(value), value(expected), 1e-12);
    }

    [Theory]
    [InlineData("1,2,4,7", 0.830357143, 0.811011905, 0.571428571)]
    [InlineData("2", 0.5, 0.25, 0.5)]
    [InlineData("5", 0.2, 0.1, 0.2)]
    [InlineData("1,10", 0.6, 0.577777778, 0.2)]
    [InlineData("3,4,5", 0.477777778, 0.377777778, 0.6)]
    [InlineData("2,3,6,31", 0.448924731, 0.349462366, 0.129032258)]
    public void AveragePrecision_InBothConventions(string ranks, double mean, double trapezoid, double inverse)
    {
        var matches = ranks.Split(',').Select(r => int.Parse(r, CultureInfo.InvariantCulture)).ToArray();
        var keys = Enumerable.Range(1, 40).Select(k => (double)k).ToArray();
        var report = One(TiePolicy.ByIndex, keys, [.. Enumerable.Range(1, 40).Select(rank => matches.Contains(rank) ? 1L : 2L)]);
        Assert.Equal(mean, report.MeanAveragePrecision, 1e-9);
        Assert.Equal(trapezoid, report.MeanAveragePrecisionTrapezoid, 1e-9);
        Assert.Equal(inverse, report.MeanInverseNegativePenalty, 1e-9);
    }

    [Fact]
    public void Cmc_IsWhole_WhereFewerPicturesAreLeftThanMaxRank()
    {
        // Query 0 keeps two images of five, its match before the other; query 1 keeps all, its match last.
        using var distances = tensor(new float[] { 1, 2, 3, 4, 5, 1, 2, 3, 4, 5 }, [2, 5]);
        var report = new RetrievalEvaluator { MaxRank = 50 }.Evaluate(distances, [7, 8], [7, 7, 7, 7, 8], [1, 2], [1, 1, 1, 2, 1]);
        Assert.Equal([0.5, 0.5, 0.5, 0.5, 1], report.Cmc);
        Assert.Equal(2, report.PerQuery[0].Candidates);
    }

    [Fact]
    public void SelfRetrieval_RemovesByIndex_EvenAmongDuplicates()
    {
        using var set = new EmbeddingSet(tensor(new float[] { 1, 0, 1, 0, 1, 0, 0, 1 }, [4, 2]), [1, 2, 1, 3]);
        var report = new RetrievalEvaluator { Protocol = RetrievalProtocol.SelfRetrieval }.Evaluate(set);
        Assert.Equal(2, report.PerQuery[0].FirstMatch);     // rows 1 and 2 are tied with row 0; row 1 has the lower index
        Assert.Equal(1, report.PerQuery[2].FirstMatch);
        Assert.Equal(SkipReason.OnlyItself, report.PerQuery[1].Skipped);
        Assert.Equal(3, report.PerQuery[0].Candidates);
        Assert.Equal(Bits(report), Bits(new RetrievalEvaluator { Protocol = RetrievalProtocol.NoFilter }.Evaluate(set)));
    }

    [Fact]
    public void OwnFilter_SeesIndicesIdentitiesAndCameras() =>
        Gen.Select(RetrievalCase.Tied, Gen.Enum<RankingMethod>(), Gen.Bool).Sample((c, method, tensors) =>
        {
            bool Keep(RetrievalItem query, RetrievalItem row) =>
                (query.Index + row.Index) % 3 != 0 && row.Identity + row.Camera != query.Camera;
            var protocol = RetrievalProtocol.NoFilter with { Keep = Keep };
            var report = c.Evaluate(new RetrievalEvaluator { Distance = Distance.Dot, Protocol = protocol, Method = method,
                Tiles = new TilePlan(4, 9, tensors) });
            for (var q = 0; q < c.Query.Length; q++)
            {
                bool Kept(int row) =>
                    Keep(new(q, c.QueryIdentities[q], c.QueryCameras[q]), new(row, c.GalleryIdentities[row], c.GalleryCameras[row]));
                var ranks = RetrievalOracle.Ranks([.. c.Gallery.Select(y => RetrievalOracle.Key(Distance.Dot, c.Query[q], y))], Kept,
                    row => c.GalleryIdentities[row] == c.QueryIdentities[q]);
                Assert.Equal(ranks.Length, report.PerQuery[q].Matches);
                if (ranks.Length == 0) continue;
                Assert.Equal(RetrievalOracle.Precision(ranks), report.PerQuery[q].AveragePrecision, 1e-14);
                Assert.Equal(Enumerable.Range(0, c.Gallery.Length).Count(Kept), report.PerQuery[q].Candidates);
            }
        }, iter: 60, threads: 1);

    [Fact]
    public void OtherCamerasOnly_RemovesTheWholeCamera()
    {
        using var distances = tensor(new float[] { 1, 2, 3, 4 }, [1, 4]);
        var protocol = RetrievalProtocol.NoFilter with { Cameras = CameraFilter.All };
        var report = new RetrievalEvaluator { Protocol = protocol }.Evaluate(distances, [5], [6, 6, 5, 5], [1], [1, 2, 1, 3]);
        Assert.Equal((2, 2.0), (report.PerQuery[0].Candidates, report.PerQuery[0].FirstMatch));
    }

    [Fact]
    public void SingleShot_IsTheExpectationOverAllDraws()
    {
        var random = new SeededRandom(11);
        var c = Random(random, 6, 9, 2) with { QueryIdentities = [1, 2, 3, 1, 2, 3], GalleryIdentities = [1, 2, 3, 1, 2, 3, 1, 4, 1] };
        c = c with { QueryCameras = [9, 9, 9, 9, 9, 9] };
        var expected = c.Evaluate(new RetrievalEvaluator { Protocol = RetrievalProtocol.Cuhk03 });
        // All draws: 4 images of identity 1, 2 of 2, 2 of 3, 1 of 4.
        var draws = from a in Rows(1) from b in Rows(2) from d in Rows(3) from e in Rows(4) select new[] { a, b, d, e };
        var reports = draws.Select(rows => (c with
        {
            Gallery = Array.ConvertAll(rows, r => c.Gallery[r]),
            GalleryIdentities = Array.ConvertAll(rows, r => c.GalleryIdentities[r]),
            GalleryCameras = Array.ConvertAll(rows, r => c.GalleryCameras[r]),
        }).Evaluate(new RetrievalEvaluator())).ToArray();
        Assert.Equal(16, reports.Length);
        for (var k = 1; k <= 4; k++) Assert.Equal(reports.Average(r => r.RankAt(k)), expected.RankAt(k), 1e-12);
        Assert.Equal(c.Evaluate(new RetrievalEvaluator()).MeanAveragePrecision, expected.MeanAveragePrecision);

        var sampled = c.Evaluate(new RetrievalEvaluator { Protocol = RetrievalProtocol.Cuhk03 with { Shots = GalleryShots.SingleSampled,
            Repeats = 4000, Seed = 5 } });
        for (var k = 1; k <= 4; k++) Assert.InRange(sampled.RankAt(k) - expected.RankAt(k), -0.02, 0.02);

        IEnumerable<int> Rows(long identity) =>
            Enumerable.Range(0, c.GalleryIdentities.Length).Where(r => c.GalleryIdentities[r] == identity);
    }

    [Fact]
    public void Skipped_EachForItsReason()
    {
        using var distances = zeros(5, 4);
        var protocol = RetrievalProtocol.Market1501 with { Keep = (_, row) => row.Identity != 4 };
        var report = new RetrievalEvaluator { Protocol = protocol }.Evaluate(distances, [-1, 9, 2, 4, 3], [2, 4, 3, -1], [1, 1, 1, 1, 1],
            [1, 2, 2, 1]);
        Assert.Equal([SkipReason.Junk, SkipReason.IdentityNotInGallery, SkipReason.OnlyInOwnCamera, SkipReason.RemovedByFilter,
            SkipReason.None],
            report.PerQuery.Select(q => q.Skipped));
        Assert.Equal((1, 4), (report.ValidQueries, report.SkippedQueries));
        Assert.Contains("1 of 5 queries has no match left: all images of their identity are from the query's own camera.",
            report.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void AllSkipped_GivesNaNAndSaysWhy()
    {
        using var distances = zeros(2, 2);
        var report = new RetrievalEvaluator().Evaluate(distances, [1, 2], [1, 2], [1, 1], [1, 1]);
        Assert.All(new[] { report.RankAt(1), report.MeanAveragePrecision, report.OverAllQueries.MeanAveragePrecision,
            report.PrecisionAt(5) }, v => Assert.Equal(double.NaN, v));
        Assert.Equal(
            "All 2 queries have no match left: all images of their identity are from the query's own camera. No figure can be given. "
            + "If the images have one camera, or cameras do not matter, use a protocol with Cameras = CameraFilter.None.",
                report.Explanation);
        Assert.Contains("n/a", report.ToString(), StringComparison.Ordinal);
    }

    /// <summary>There are few classes, so a query has many matches. Their ranks are then found by a search, in float32, in float64 and
    /// with tensors.</summary>
    [Theory, InlineData(ScalarType.Float32, false), InlineData(ScalarType.Float64, false), InlineData(ScalarType.Float32, true)]
    public void ManyMatches_GiveTheRanksOfSorting(ScalarType type, bool ties)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(3);
        Tensor Rows(long count) => ties ? randint(0, 3, [count, 4], type) : randn(count, 16, type);
        static long[] Labels(int count) => [.. Enumerable.Range(0, count).Select(i => i * 7L % 5 % 3)];
        using var query = new EmbeddingSet(Rows(40), Labels(40));
        using var gallery = new EmbeddingSet(Rows(700), Labels(700));
        foreach (var policy in Enum.GetValues<TiePolicy>())
            foreach (var tiles in new TilePlan?[] { null, new(7, 100), new(40, 700, Tensors: true) })
            {
                var sorted = new RetrievalEvaluator { Ties = policy, Method = RankingMethod.Argsort, Tiles = tiles };
                var expected = sorted.Evaluate(query, gallery);
                foreach (var sieve in new[] { ScoreSieve.Automatic, ScoreSieve.Float32 })
                {
                    var counted = (sorted with { Method = RankingMethod.Counting, Sieve = sieve }).Evaluate(query, gallery);
                    Assert.Equal(expected.Cmc, counted.Cmc);
                    Assert.Equal(expected.PerQuery.Select(q => (q.AveragePrecision, q.ReciprocalRank, q.InverseNegativePenalty)),
                        counted.PerQuery.Select(q => (q.AveragePrecision, q.ReciprocalRank, q.InverseNegativePenalty)));
                }
            }
    }

    /// <summary>There are so many matches that the automatic sieve computes tiles in float64. Images of the same camera and junk are
    /// removed as for few matches.</summary>
    [Theory, InlineData("spread"), InlineData("tied"), InlineData("far from the origin")]
    public void ThousandsOfMatches_AreTheSameToTheBit_InEverySieve(string rows)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(4);
        Tensor Rows(long count) => rows switch
        {
            "tied" => randint(0, 3, [count, 4], ScalarType.Float32),
            "far from the origin" => 1000 + 0.01 * randn(count, 12),
            _ => randn(count, 12),
        };
        static long[] Labels(int count) => [.. Enumerable.Range(0, count).Select(i => i * 7L % 11 % 3 - 1)];
        static long[] Cameras(int count) => [.. Enumerable.Range(0, count).Select(i => i * 5L % 7 % 4)];
        using var query = new EmbeddingSet(Rows(9), Labels(9), Cameras(9));
        using var gallery = new EmbeddingSet(Rows(9000), Labels(9000), Cameras(9000));
        foreach (var distance in new[] { Distance.Cosine, Distance.Euclidean, Distance.Dot })
            foreach (var protocol in new[] { RetrievalProtocol.Market1501, RetrievalProtocol.NoFilter })
            {
                var sorted = new RetrievalEvaluator
                {
                    Distance = distance, Protocol = protocol, Method = RankingMethod.Argsort, Ties = TiePolicy.Expected,
                };
                var expected = Bits(sorted.Evaluate(query, gallery));
                Assert.Equal(expected, Bits((sorted with { Method = RankingMethod.Automatic }).Evaluate(query, gallery)));
                foreach (var sieve in Enum.GetValues<ScoreSieve>())
                {
                    var counting = sorted with { Method = RankingMethod.Counting, Sieve = sieve };
                    Assert.Equal(expected, Bits(counting.Evaluate(query, gallery)));
                    Assert.Equal(expected, Bits((counting with { Tiles = new TilePlan(4, 1000) }).Evaluate(query, gallery)));
                }
            }
    }

    /// <summary>The predicted bytes show which method is used: sorting takes whole rows.</summary>
    [Fact]
    public void Automatic_SortsManyMatches_UnlessTheirRowsExceedTheBudget()
    {
        using var scope = NewDisposeScope();
        using var query = new EmbeddingSet(randn(9, 4), [.. Enumerable.Repeat(1L, 9)]);
        using var many = new EmbeddingSet(randn(9000, 4), [.. Enumerable.Range(0, 9000).Select(i => i % 3L)]);
        using var few = new EmbeddingSet(randn(9000, 4), [.. Enumerable.Range(0, 9000).Select(i => i % 300L)]);
        var evaluator = new RetrievalEvaluator { Protocol = RetrievalProtocol.NoFilter };
        var (counting, sorting) = (evaluator with { Method = RankingMethod.Counting }, evaluator with { Method = RankingMethod.Argsort });
        Assert.NotEqual(counting.PredictBytes(query, many), sorting.PredictBytes(query, many));
        Assert.Equal(sorting.PredictBytes(query, many), evaluator.PredictBytes(query, many));
        Assert.Equal(counting.PredictBytes(query, few), evaluator.PredictBytes(query, few));
        const long tooLittle = 1 << 20;
        Assert.True((sorting with { MemoryBudget = tooLittle }).PredictBytes(query, many) > tooLittle);
        Assert.Equal((counting with { MemoryBudget = tooLittle }).PredictBytes(query, many),
            (evaluator with { MemoryBudget = tooLittle }).PredictBytes(query, many));
    }

    [Fact]
    public void Rank_OfThousands_IsTheOrderOfTheDistances_TiesByIndex()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        using var query = new EmbeddingSet(randint(-2, 3, [6, 3], ScalarType.Float32), [0, 1, 2, 0, 1, -1]);
        using var gallery = new EmbeddingSet(randint(-2, 3, [3000, 3], ScalarType.Float32),
            [.. Enumerable.Range(0, 3000).Select(i => i % 4L - 1)]);
        var evaluator = new RetrievalEvaluator { Distance = Distance.Dot, Protocol = RetrievalProtocol.NoFilter };
        var (all, most) = (evaluator.Rank(query, gallery), evaluator.Rank(query, gallery, topK: 2999));
        using var products = query.Features.matmul(gallery.Features.t());     // of small integers, so they are exact
        for (var q = 0; q < query.Count; q++)
        {
            var keys = products[q].data<float>().Select(product => -(double)product).ToArray();
            int[] order = [.. Enumerable.Range(0, gallery.Count).OrderBy(row => keys[row]).ThenBy(row => row)];
            Assert.Equal(order, all[q].Indices);
            Assert.Equal(order.Select(row => keys[row]), all[q].Distances);
            Assert.Equal(order.Select(row => gallery.Identities[row] == query.Identities[q]), all[q].IsMatch);
            Assert.Equal(all[q].Indices.Take(most[q].Count), most[q].Indices);
            Assert.Equal(all[q].Distances.Take(most[q].Count).Select(BitConverter.DoubleToInt64Bits),
                most[q].Distances.Select(BitConverter.DoubleToInt64Bits));
            Assert.Equal(all[q].IsMatch.Take(most[q].Count), most[q].IsMatch);
        }
    }

    [Fact]
    public void EmptySets_GiveNaN()
    {
        using var none = new EmbeddingSet(empty(0, 3), Array.Empty<long>(), []);
        using var some = new EmbeddingSet(ones(2, 3), [1, 1], [1, 2]);
        foreach (var method in Enum.GetValues<RankingMethod>())
            foreach (var protocol in new[] { RetrievalProtocol.Market1501, RetrievalProtocol.Cuhk03 })
            {
                var evaluator = new RetrievalEvaluator { Method = method, Protocol = protocol };
                Assert.Equal(double.NaN, evaluator.Evaluate(none, some).RankAt(1));
                Assert.Equal("There are no queries.", evaluator.Evaluate(none, some).Explanation);
                var report = evaluator.Evaluate(some, none);
                Assert.Equal((double.NaN, double.NaN, double.NaN), (report.MeanAveragePrecision, report.RankAt(1), report.RankAt(50)));
                Assert.Throws<ArgumentOutOfRangeException>(() => report.RankAt(51));
                Assert.Equal(2, report.SkippedByReason[SkipReason.IdentityNotInGallery]);
                Assert.Empty(evaluator.Rank(some, none, topK: 5)[1].Indices);
            }
    }

    [Fact]
    public void CameraPairs_AreEvaluationsOfTheirPictures() =>
        RetrievalCase.Tied.Sample(c =>
        {
            bool Keep(RetrievalItem query, RetrievalItem row) => (query.Index + 2 * row.Index) % 5 != 0;
            var evaluator = new RetrievalEvaluator { Distance = Distance.Dot,
                Protocol = RetrievalProtocol.Market1501 with { Keep = Keep } };
            using var query = c.QuerySet();
            using var gallery = c.GallerySet();
            var pairs = evaluator.EvaluateByCameraPair(query, gallery);
            foreach (var a in pairs.QueryCameras)
                foreach (var b in pairs.GalleryCameras)
                {
                    var rule = RetrievalProtocol.Market1501 with { Keep = (q, g) => Keep(q, g) && g.Camera == b };
                    var whole = c.Evaluate(new RetrievalEvaluator { Distance = Distance.Dot, Protocol = rule });
                    Assert.Equal(Enumerable.Range(0, c.Query.Length).Where(q => c.QueryCameras[q] == a)
                        .Select(q => whole.PerQuery[q].AveragePrecision),
                        pairs[a, b].PerQuery.Select(q => q.AveragePrecision));
                }
        }, iter: 40, threads: 1);

    [Fact]
    public void CameraPairs_ArePrintedWithTheNumberOfQueries()
    {
        using var query = EmbeddingSet.FromRows([[0f], [1f], [2f]], [1, 2, 3], [1, 1, 4]);
        using var gallery = EmbeddingSet.FromRows([[0f], [1f], [5f]], [1, 2, 9], [2, 2, 3]);
        Assert.Equal("rank-1 in %, query camera down, gallery camera across\n"
            + "             2       3\n     1   100.0       –\n     4       –       –\n"
            + "queries counted, query camera down, gallery camera across\n"
            + "             2       3\n     1       2       0\n     4       0       0\n",
            $"{new RetrievalEvaluator { Distance = Distance.Euclidean }.EvaluateByCameraPair(query, gallery)}");
    }

    [Fact]
    public void Mistakes_AreNamed()
    {
        using var nan = new EmbeddingSet(tensor(new float[] { 1, 2, 3, float.NaN }, [2, 2]), [1, 2]);
        using var fine = new EmbeddingSet(ones(2, 2), [1, 2]);
        using var wide = new EmbeddingSet(ones(2, 3), [1, 2]);
        var evaluator = new RetrievalEvaluator { Protocol = RetrievalProtocol.NoFilter };
        Assert.Contains("query features must be finite, got NaN in row 1, column 1.",
            Assert.Throws<ArgumentException>(() => evaluator.Evaluate(nan, fine)).Message, StringComparison.Ordinal);
        Assert.Contains("gallery features must be finite", Assert.Throws<ArgumentException>(() => evaluator.Evaluate(fine, nan)).Message,
            StringComparison.Ordinal);
        Assert.Contains("the same width D, got [2, 2] and [2, 3]", Assert.Throws<ArgumentException>(
            () => evaluator.Evaluate(fine, wide)).Message, StringComparison.Ordinal);
        Assert.Contains("compares cameras, but there are none", Assert.Throws<ArgumentException>(() => new RetrievalEvaluator
            { Protocol = RetrievalProtocol.Market1501 }.Evaluate(fine, fine)).Message, StringComparison.Ordinal);
        using var infinite = tensor(new float[] { 1, 2, float.PositiveInfinity, 4 }, [2, 2]);
        Assert.Contains("at row 1, column 0", Assert.Throws<ArgumentException>(() => evaluator.Evaluate(infinite, [1, 2], [1, 2])).Message,
            StringComparison.Ordinal);
        Assert.Contains("one entry per column of distances [2, 2], got 3",
            Assert.Throws<ArgumentException>(() => evaluator.Evaluate(infinite, [1, 2], [1, 2, 3])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new RetrievalEvaluator { MaxRank = 0 });
    }

    [Fact]
    public void Rank_ListsTheNearestFirst_AndTopKIsItsBeginning() =>
        Gen.Select(RetrievalCase.Tied, Gen.Int[1, 9]).Sample((c, k) =>
        {
            using var query = c.QuerySet();
            using var gallery = c.GallerySet();
            var evaluator = new RetrievalEvaluator { Distance = Distance.Euclidean, Tiles = new TilePlan(5, 11) };
            var (all, top) = (evaluator.Rank(query, gallery), evaluator.Rank(query, gallery, k));
            for (var q = 0; q < query.Count; q++)
            {
                var expected = Enumerable.Range(0, gallery.Count).Where(row => c.Kept(q, row))
                    .OrderBy(row => RetrievalOracle.Key(Distance.Euclidean, c.Query[q], c.Gallery[row])).ThenBy(row => row).ToArray();
                Assert.Equal(expected, all[q].Indices);
                Assert.Equal(expected.Select(row => Math.Sqrt(RetrievalOracle.Key(Distance.Euclidean, c.Query[q], c.Gallery[row]))),
                    all[q].Distances);
                Assert.Equal(expected.Select(row => c.GalleryIdentities[row] == c.QueryIdentities[q]), all[q].IsMatch);
                Assert.Equal(expected.Take(k), top[q].Indices);
            }
        }, iter: 100, threads: 1);

    [Fact]
    public void Memory_StaysWithinTheBudget()
    {
        var c = Random(new SeededRandom(2), 300, 9000, 5);
        using var query = c.QuerySet();
        using var gallery = c.GallerySet();
        var evaluator = new RetrievalEvaluator { MemoryBudget = 1 << 20 };
        Assert.InRange(evaluator.PredictBytes(query, gallery), 1 << 18, 1 << 20);
        var report = evaluator.Evaluate(query, gallery);
        Assert.Equal(evaluator.PredictBytes(query, gallery), report.PredictedBytes);
        Assert.Equal(Bits(new RetrievalEvaluator().Evaluate(query, gallery)), Bits(report));
    }

    [Fact]
    public void Similarity_StepByStep_GivesTheSameFigures()
    {
        var c = Random(new SeededRandom(8), 20, 120, 16);
        using var scope = NewDisposeScope();
        using var query = c.QuerySet();
        using var gallery = c.GallerySet();
        var similarity = Similarity.Matrix(Similarity.Normalize(query.Features), Similarity.Normalize(gallery.Features));
        var report = new RetrievalEvaluator().Evaluate(1 - similarity, query.Identities, gallery.Identities, query.Cameras,
            gallery.Cameras);
        Assert.Equal(new RetrievalEvaluator().Evaluate(query, gallery).MeanAveragePrecision, report.MeanAveragePrecision, 1e-6);
        var first = Similarity.Order(similarity)[0, 0].item<long>();
        Assert.Equal(similarity[0].argmax().item<long>(), first);
    }

    private static RetrievalReport One(TiePolicy ties, double[] keys, long[] identities)
    {
        using var distances = tensor(keys, [1, keys.Length]);
        return new RetrievalEvaluator { Ties = ties, Protocol = RetrievalProtocol.NoFilter }.Evaluate(distances, [1], identities);
    }

    private static RetrievalEvaluator Tiled(RetrievalEvaluator one, RankingMethod method, TilePlan plan,
        ScoreSieve sieve = ScoreSieve.Automatic) =>
        new() { Distance = one.Distance, Ties = one.Ties, Method = method, Tiles = plan, Sieve = sieve };

    /// <summary>What a report tells about the call, not about the result.</summary>
    private static readonly string[] settings = [nameof(RetrievalReport.Protocol), nameof(RetrievalReport.Ties),
        nameof(RetrievalReport.Distance), nameof(RetrievalReport.CutOffs), nameof(RetrievalReport.PredictedBytes)];

    /// <summary>All figures of a report as text, so that two reports can be compared bit for bit. Reflection finds them, so that a new
    /// figure is compared, too. The figures at the cut-offs are computed from <see cref="QueryResult.Sums"/>.</summary>
    internal static string Bits(RetrievalReport report) => Text(report);

    private static string Text(object value) => value switch
    {
        string text => text,
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),    // a double has as many digits as it needs
        IEnumerable items => string.Join(' ', items.Cast<object>().Select(Text)),
        _ => string.Join('\n', value.GetType().GetProperties(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .Where(property => property.PropertyType != typeof(Type) && (value is not RetrievalReport || !settings.Contains(property.Name)))
            .Select(property => $"{property.Name}: {Text(property.GetValue(value)!)}")),
    };

    internal static RetrievalCase Random(SeededRandom random, int queries, int gallery, int width)
    {
        return new RetrievalCase(Rows(queries), Rows(gallery), Identities(queries), Identities(gallery), Cameras(queries),
            Cameras(gallery));
        float[][] Rows(int count) =>
            [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, width).Select(_ => (float)random.NextGaussian()).ToArray())];
        long[] Identities(int count) => [.. Enumerable.Range(0, count).Select(_ => (long)random.NextInt(30))];
        long[] Cameras(int count) => [.. Enumerable.Range(0, count).Select(_ => (long)random.NextInt(6))];
    }

    private static IEnumerable<int[]> Permutations(int[] items) => items.Length == 0 ? [[]]
        : items.SelectMany(first => Permutations([.. items.Where(i => i != first)]).Select(rest => (int[])[first, .. rest]));
}
