using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class SemiHardSearchTests
{
    [Theory, MemberData(nameof(Settings))]
    public void Find_IsAsBySorting_OnEveryNumberOfThreads(SemiHardPositives positives, SemiHardFallback fallback)
    {
        var miner = new SemiHardMiner { Positives = positives, Fallback = fallback };
        foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64 })
            foreach (var (rows, columns, classes, values) in new[] { (1, 1, 1, 3), (5, 7, 2, 4), (40, 40, 9, 1000), (33, 301, 30, 50),
                (300, 129, 70, 9) })
                foreach (var broken in (bool[])[false, true])
                {
                    using var scope = NewDisposeScope();
                    manual_seed(rows + columns);
                    var distances = randint(values, [rows, columns]).to(type);
                    if (broken)
                    {
                        distances[rows / 2, columns / 2] = double.NaN;
                        distances[0, 0] = double.PositiveInfinity;
                    }
                    var candidates = Pairs.FromLabels(randint(classes, [rows]) - 1, randint(classes, [columns]) - 1, rows == columns
                        ? arange(rows) : null);
                    Assert.True(SemiHardSearch.Supports(distances, candidates, positives));
                    var expected = miner.BySorting(distances, candidates);
                    var before = get_num_threads();
                    foreach (var threads in (int[])[1, 2, 3])
                    {
                        set_num_threads(threads);
                        var found = SemiHardSearch.Find(distances, candidates, positives, fallback);
                        Equal(expected.Anchors, found.Anchors);
                        Equal(expected.Positives, found.Positives);
                        Equal(expected.Negatives, found.Negatives);
                    }
                    set_num_threads(before);
                }
    }

    public static MatrixTheoryData<SemiHardPositives, SemiHardFallback> Settings =>
        new(Enum.GetValues<SemiHardPositives>(), Enum.GetValues<SemiHardFallback>());

    [Fact]
    public void Supports_LeavesManyPositivesToSorting()
    {
        using var scope = NewDisposeScope();
        var candidates = Pairs.FromLabels(zeros(100, ScalarType.Int64));
        Assert.False(SemiHardSearch.Supports(zeros(100, 100), candidates, SemiHardPositives.Each));
        Assert.True(SemiHardSearch.Supports(zeros(100, 100), candidates, SemiHardPositives.Hardest));
    }

    [Fact]
    public void WithTies_FindsAllNegativesAtTheDistance()
    {
        using var scope = NewDisposeScope();
        var distances = tensor(new float[,] { { 0, 3, 5, 4, 4, 9, 4 }, { 0, 9, 5, 4, 2, 3, 9 }, { 1, 1, 1, 1, 1, 1, 1 } });
        var candidates = Pairs.FromLabels(tensor([1L, 2, 3]), tensor([1L, 1, 2, 2, 3, 5, 4]), tensor([0L, 2, 4]));
        var (anchors, positives, pairs, negatives) = SemiHardSearch.WithTies(distances, candidates);
        Assert.Equal([0L, 1], anchors);
        Assert.Equal([1L, 3], positives);
        Assert.Equal([0L, 0, 0, 1, 1], pairs[..5]);
        Assert.Equal([3L, 4, 6, 1, 6], negatives);
    }

    private static void Equal(Tensor expected, Tensor actual) =>
        Assert.Equal(expected.data<long>().ToArray(), actual.data<long>().ToArray());
}
