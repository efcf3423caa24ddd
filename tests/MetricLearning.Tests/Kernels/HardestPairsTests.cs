using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class HardestPairsTests
{
    // Small integers: products, squares and means of a power of two of them are exact, and many distances are equal.
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
        var x = randn(333, 70) + tensor(3f);
        var y = randint(40, [333]);
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

    [Fact]
    public void Mine_EqualRows_TakesTheLowestIndex()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        var x = randn(40, 33).repeat(5, 1);
        // every row has its like in every class
        using var batch = new LossBatch(x, Iota(200).div(40, RoundingMode.floor).to(ScalarType.Int64));
        using var triplets = new BatchHardMiner().Mine(batch.Distances(Distance.Euclidean)).AsTriplets();
        Assert.Equal(Enumerable.Range(0, 200).Select(a => (long)(a < 40 ? a + 40 : a % 40)), triplets.Negatives.data<long>());
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
