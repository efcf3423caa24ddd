using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class HardestPairsTests
{
    // Small integers. Their products, their squares and their means over a power of two of rows are exact, and many distances are equal.
    private static readonly Gen<(int Rows, int Width, int Classes, int Seed)> cases =
        Gen.Select(Gen.OneOf(Gen.Int[1, 20], Gen.Int[90, 100], Gen.Int[250, 400]), Gen.OneOf(Gen.Int[1, 20], Gen.Int[250, 300]),
            Gen.Int[1, 9],
            Gen.Int[0, 1_000_000]);

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void Find_TakesTheHardestOfLowestIndex(int threads)
    {
        using var several = new TorchThreads(threads);
        cases.Sample(c =>
        {
            using var scope = NewDisposeScope();
            var random = new Random(c.Seed);
            var x = Array.ConvertAll(new float[c.Rows * c.Width], _ => (float)random.Next(-2, 3));
            var labels = Array.ConvertAll(new long[c.Rows], _ => (long)random.Next(c.Classes) * 1_000_000_007);
            foreach (var self in (bool[])[false, true])
            {
                var form = new ProductOrdering(tensor(x, [c.Rows, c.Width]), Squared: false);
                var found = HardestPairs.Find(form, tensor(labels), self)!.Value;
                for (var a = 0; a < c.Rows; a++)
                {
                    Assert.Equal(Pick(a, (b, d, best) => labels[b] == labels[a] && (self || a != b) && d > best, double.NegativeInfinity),
                        found.Positives[a]);
                    Assert.Equal(Pick(a, (b, d, best) => labels[b] != labels[a] && d < best, double.PositiveInfinity), found.Negatives[a]);
                }
            }

            int Pick(int a, Func<int, double, double, bool> better, double best)
            {
                var index = -1;
                for (var b = 0; b < c.Rows; b++)
                {
                    var product = 0.0;
                    for (var k = 0; k < c.Width; k++) product += x[a * c.Width + k] * x[b * c.Width + k];
                    if (better(b, -product, best)) (index, best) = (b, -product);
                }
                return index;
            }
        }, iter: 25, threads: 1);
    }

    [Theory, InlineData("euclidean"), InlineData("squared"), InlineData("clamped"), InlineData("normalized"), InlineData("cosine"),
        InlineData("dot")]
    public void Mine_WithoutTheMatrix_IsAsHardAsWithIt(string name)
    {
        foreach (var count in (int[])[101, 333]) IsAsHard(name, count);
    }

    private static void IsAsHard(string name, int count)
    {
        using var scope = NewDisposeScope();
        var distance = name switch
        {
            "euclidean" => Distance.Euclidean,
            "squared" => Distance.EuclideanSquared,
            "clamped" => Distance.EuclideanClamped,
            "normalized" => Distance.Euclidean.Normalized(),
            "cosine" => Distance.Cosine,
            _ => Distance.Dot,
        };
        manual_seed(5);
        var x = randn(count, 70) + tensor(3f);
        var y = randint(count / 8, [count]);
        using var batch = new LossBatch(x, y);
        var streamed = new BatchHardMiner().Mine(batch.Distances(distance)).AsTriplets();
        Assert.False(batch.Distances(distance).HasMatrix);
        var exact = distance.Matrix(x.to(ScalarType.Float64), x.to(ScalarType.Float64));
        var mined = new BatchHardMiner().Mine(exact, batch.Candidates).AsTriplets();
        Assert.True(streamed.Anchors.equal(mined.Anchors).all().item<bool>());
        Near(exact[streamed.Anchors, streamed.Positives], exact[mined.Anchors, mined.Positives]);
        Near(exact[streamed.Anchors, streamed.Negatives], exact[mined.Anchors, mined.Negatives]);
        streamed.Dispose();
        mined.Dispose();
    }

    /// <summary>Even if digits cancel in ‖x‖² + ‖y‖² − 2x·y, the search and the matrix choose pairs that are as hard as those of
    /// float64.</summary>
    [Theory]
    [InlineData(8, 2, 0, 1000)]         // far groups of near rows
    [InlineData(64, 2048, 0, 30)]       // the batch size of the recipe "lesson", with classes that are near twins
    [InlineData(64, 64, 1e3, 1)]        // all rows far from the origin
    [InlineData(300, 33, 1e5, 100)]
    public void Mine_NearTwinsOfLargeNorm_AreAsHardAsByFloat64(int count, int width, double offset, double norm)
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        var centers = randn(count / 4, width) * tensor((float)(norm / Math.Sqrt(width)));
        var twins = centers.repeat_interleave(4, 0) + randn(count, width) * tensor(0.1f / MathF.Sqrt(width)) + tensor((float)offset);
        // Four near rows are two classes, so the hardest negative of each row is as near as its positive.
        var labels = Iota(count).div(2, RoundingMode.floor).to(ScalarType.Int64);
        var exact = Distance.Lp(2).Matrix(twins.to(ScalarType.Float64), twins.to(ScalarType.Float64));
        foreach (var distance in new[] { Distance.Euclidean, Distance.EuclideanSquared, Distance.EuclideanClamped })
        {
            using var batch = new LossBatch(twins, labels);
            using var hardest = new BatchHardMiner().Mine(exact, batch.Candidates).AsTriplets();
            using var searched = new BatchHardMiner().Mine(batch.Distances(distance)).AsTriplets();
            Assert.False(batch.Distances(distance).HasMatrix);
            using var mined = new BatchHardMiner().Mine(batch.Distances(distance).Matrix, batch.Candidates).AsTriplets();
            foreach (var found in new[] { searched, mined })
            {
                Assert.Equal(hardest.Anchors.data<long>(), found.Anchors.data<long>());
                AsHard(exact[found.Anchors, found.Positives], exact[found.Anchors, hardest.Positives]);
                AsHard(exact[found.Anchors, found.Negatives], exact[found.Anchors, hardest.Negatives]);
            }
        }

        static void AsHard(Tensor found, Tensor best) =>
            Assert.True(((found - best).abs() / best).max().item<double>() < 1e-4, $"{((found - best).abs() / best).max().item<double>()}");
    }

    /// <summary>By hand: the positive of every anchor is 0.1 away, and its negative is 0.1 or 0.2 away.</summary>
    [Fact]
    public void Loss_OfFarGroups_IsThatByHand()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new float[,]
        {
            { 1000, 0 }, { 1000, .1f }, { 1000, .3f }, { 1000, .2f }, { -1000, 0 }, { -1000, .1f }, { -1000, .3f }, { -1000, .2f },
        });
        using var loss = new TripletLoss(margin: 0.3) { Miner = new BatchHardMiner() };
        Assert.Equal(0.25, loss.call(x, tensor([0L, 0, 1, 1, 2, 2, 3, 3])).item<float>(), 1e-6);
    }

    [Theory, InlineData(20), InlineData(40)]
    public void Mine_EqualRows_TakesTheLowestIndex(int rows)
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        var x = randn(rows, 33).repeat(5, 1);
        // every row has an equal row in every class
        using var batch = new LossBatch(x, Iota(5 * rows).div(rows, RoundingMode.floor).to(ScalarType.Int64));
        using var triplets = new BatchHardMiner().Mine(batch.Distances(Distance.Euclidean)).AsTriplets();
        Assert.Equal(Enumerable.Range(0, 5 * rows).Select(a => (long)(a < rows ? a + rows : a % rows)), triplets.Negatives.data<long>());
    }

    [Theory, InlineData(float.NaN), InlineData(float.PositiveInfinity), InlineData(1e30f)]
    public void Find_RowsThatAreNotFiniteOrTooLong_AreLeftToTheMatrix(float value)
    {
        using var scope = NewDisposeScope();
        var x = ones(5, 3);
        x[2, 1] = value;
        Assert.Null(HardestPairs.Find(new ProductOrdering(x, Squared: true), Iota(5), selfIsPositive: false));
        using var loss = new TripletLoss();
        Assert.False(float.IsFinite(loss.call(x, Iota(5) % 2).item<float>()) && !float.IsFinite(value));
    }

    private static Tensor Iota(int count) => arange(count, ScalarType.Int64);

    private static void Near(Tensor actual, Tensor expected) =>
        Assert.True((actual - expected).abs().max().item<double>() < 2e-4, $"{(actual - expected).abs().max().item<double>()}");
}
