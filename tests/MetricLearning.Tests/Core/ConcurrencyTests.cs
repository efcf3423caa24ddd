using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that miners that do not draw, and distances, are pure functions: one instance gives the same bits on many threads as on
/// one.</summary>
[LeavesNoTensors]
public class ConcurrencyTests
{
    private const int Threads = 8, Calls = 20;

    public static TheoryData<string> Miners => [.. MinerTable.StatelessNames];

    public static TheoryData<string> Distances => [.. DistanceTable.Names];

    [Theory, MemberData(nameof(Miners))]
    public void Mine_OnManyThreads_GivesTheSameTuples(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = Batch();
        var miner = MinerTable.Create(name);
        Same(() =>
        {
            using var tuples = miner.Mine(x, y);
            return [.. Numbers(tuples.PositivePairs()), .. Numbers(tuples.NegativePairs())];
        });

        static long[] Numbers((Tensor Rows, Tensor Columns) pairs)
        {
            using (pairs.Rows)
            using (pairs.Columns)
                return [.. pairs.Rows.data<long>(), .. pairs.Columns.data<long>()];
        }
    }

    [Fact]
    public void HardClusters_OnManyThreads_GivesTheSameTuples()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Batch();
        var miner = new HardClusters();
        Same(() =>
        {
            using var mined = miner.Mine(x, y);
            using var triplets = mined.Tuples.AsTriplets();
            return [.. triplets.Anchors.data<long>(), .. triplets.Positives.data<long>(), .. triplets.Negatives.data<long>()];
        });
    }

    [Theory, MemberData(nameof(Distances))]
    public void Matrix_OnManyThreads_GivesTheSameBits(string name)
    {
        using var scope = NewDisposeScope();
        var (x, _) = Batch();
        var distance = DistanceTable.Of(name);
        Same(() =>
        {
            using var noGradient = no_grad();
            using var matrix = distance.Matrix(x, x);
            return Array.ConvertAll(matrix.data<float>().ToArray(), value => (long)BitConverter.SingleToInt32Bits(value));
        });
    }

    private static (Tensor Embeddings, Tensor Labels) Batch() =>
        (LossTable.Random(5, 96, 24).to(ScalarType.Float32), arange(96, ScalarType.Int64) % 16);

    /// <summary>Each thread computes the result again and again. Each result equals the serial one, and no thread keeps a tensor.</summary>
    private static void Same(Func<long[]> compute)
    {
        var expected = compute();
        Assert.NotEmpty(expected);
        var faults = new Exception?[Threads];
        using var start = new Barrier(Threads);
        var threads = Enumerable.Range(0, Threads).Select(number => new Thread(() =>
        {
            try
            {
                start.SignalAndWait();
                var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
                for (var call = 0; call < Calls; call++) Assert.Equal(expected, compute());
                Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
            }
            catch (Exception fault)
            {
                faults[number] = fault;
            }
        })).ToList();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.All(faults, Assert.Null);
    }
}
