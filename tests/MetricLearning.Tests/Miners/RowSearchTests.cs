using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that miners that search each row in memory give the same result as tensor operations or as a sort.</summary>
[LeavesNoTensors]
public class RowSearchTests
{
    [Fact]
    public void EasyAndHard_AreAsByTensors()
    {
        var kinds = new[] { Hardness.Easy, Hardness.SemiHard, Hardness.Hard };
        foreach (var (positives, negatives) in kinds.SelectMany(p => kinds.Select(n => (p, n)))
            .Where(pair => pair is not (Hardness.SemiHard, Hardness.SemiHard)))
            foreach (var (distances, candidates) in Batches())
            {
                using var scope = NewDisposeScope();
                // With a range, the miner uses tensor operations. This range leaves nothing out.
                var plain = new BatchEasyHardMiner(positives, negatives) { PositiveRange = (double.MinValue, double.PositiveInfinity) };
                var expected = plain.Mine(distances, candidates).AsTriplets();
                foreach (var threads in (int[])[1, 2])
                {
                    using var several = new TorchThreads(threads);
                    Equal(expected, new BatchEasyHardMiner(positives, negatives).Mine(distances, candidates).AsTriplets());
                }
            }
    }

    [Fact]
    public void RandomTriplets_AreAsByTensors()
    {
        foreach (var (distances, candidates) in Batches())
        {
            using var scope = NewDisposeScope();
            var expected = new RandomTripletsMiner(3) { Seed = 5 }.ByCounting(distances, candidates);
            Equal(expected, new RandomTripletsMiner(3) { Seed = 5 }.Mine(distances, candidates).AsTriplets());
        }
    }

    [Theory, InlineData(0.01), InlineData(0.5), InlineData(1)]
    public void HardestShare_IsThatOfASort(double fraction)
    {
        foreach (var (distances, candidates) in Batches())
        {
            using var scope = NewDisposeScope();
            var mined = new HdcMiner(fraction).Mine(distances, candidates).AsPairs();
            Assert.Equal(Hardest(-distances, candidates.Positives, fraction), mined.Positives.reshape(-1).data<bool>().ToArray());
            Assert.Equal(Hardest(distances, candidates.Negatives, fraction), mined.Negatives.reshape(-1).data<bool>().ToArray());
        }

        static bool[] Hardest(Tensor keys, Tensor mask, double share)
        {
            var entries = keys.to(ScalarType.Float64).reshape(-1).data<double>().ToArray();
            var marks = mask.reshape(-1).data<bool>().ToArray();
            var order = Enumerable.Range(0, marks.Length).Where(i => marks[i])
                .OrderBy(i => double.IsNaN(entries[i]) ? double.NegativeInfinity : entries[i]).ToArray();
            var kept = order.Take((int)Math.Ceiling(share * order.Length)).ToHashSet();
            return [.. Enumerable.Range(0, marks.Length).Select(kept.Contains)];
        }
    }

    [Fact]
    public void KthLowest_IsThatOfASort()
    {
        var random = new SeededRandom(3);
        foreach (var count in new[] { 1, 2, 3, 100, 5000 })
            foreach (var spread in new[] { 0, 1, 1e30 })
            {
                var numbers = new double[count];
                for (var i = 0; i < count; i++) numbers[i] = Math.Round(random.NextGaussian() * 50) * spread + random.NextInt(2) * 1e-9;
                (numbers[0], numbers[^1]) = (-numbers[0], double.NegativeInfinity);
                var singles = Array.ConvertAll(numbers, number => (float)number);
                double[] sorted = [.. numbers.Order()];
                float[] sortedSingles = [.. singles.Order()];
                foreach (var k in new[] { 1, (count + 1) / 2, count })
                {
                    Assert.Equal(sorted[k - 1], KthLowest.Of<double>([.. numbers], k));
                    Assert.Equal(sortedSingles[k - 1], KthLowest.Of<float>([.. singles], k));
                }
            }
    }

    /// <summary>Distances with many ties; some also have NaN and infinity. Some batches are compared with themselves, others with
    /// references.</summary>
    private static IEnumerable<(Tensor Distances, Pairs Candidates)> Batches()
    {
        foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64 })
            foreach (var (rows, columns, classes, values) in new[] { (1, 1, 1, 3), (5, 7, 2, 4), (40, 40, 9, 1000), (33, 101, 30, 50) })
                foreach (var broken in (bool[])[false, true])
                {
                    using var scope = NewDisposeScope();
                    manual_seed(rows + columns);
                    var distances = randint(values, [rows, columns]).to(type);
                    if (broken)
                    {
                        distances[rows / 2, columns / 2] = double.NaN;
                        distances[0, columns - 1] = double.NaN;
                        distances[0, 0] = double.PositiveInfinity;
                    }
                    yield return (distances, Pairs.FromLabels(randint(classes, [rows]) - 1, randint(classes, [columns]) - 1,
                        rows == columns ? arange(rows) : null));
                }
    }

    private static void Equal(Triplets expected, Triplets actual)
    {
        Assert.Equal(expected.Anchors.data<long>().ToArray(), actual.Anchors.data<long>().ToArray());
        Assert.Equal(expected.Positives.data<long>().ToArray(), actual.Positives.data<long>().ToArray());
        Assert.Equal(expected.Negatives.data<long>().ToArray(), actual.Negatives.data<long>().ToArray());
    }
}
