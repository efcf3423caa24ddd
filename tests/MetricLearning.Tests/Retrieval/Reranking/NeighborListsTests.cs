using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class NeighborListsTests
{
    private const int Count = 700;

    /// <summary>Hundreds of rows are equal to a query's nearest or farthest row, or differ from it by less than the error of a
    /// score.</summary>
    [Theory]
    [InlineData("all equal"), InlineData("three values"), InlineData("equal up to rounding"), InlineData("one apart")]
    [InlineData("distinct")]
    public void Of_ManyEqualRows_HasTheFirstOfTheNearest(string kind)
    {
        foreach (var distance in new[] { Distance.Cosine, Distance.EuclideanSquared })
            foreach (var symmetric in new[] { true, false })
            {
                using var scope = NewDisposeScope();
                var rows = Rows(kind);
                var source = new FeatureScores(distance, rows, symmetric ? rows : rows.clone());
                var orders = Array.ConvertAll(Enumerable.Range(0, Count).ToArray(), query => Enumerable.Range(0, Count)
                    .Select(row => (Key: source.Key(query, row), Row: row)).Order().ToArray());
                foreach (var width in new[] { 1, 6, 25 })
                    foreach (var tile in new[] { 64, 2048 })
                    {
                        var lists = NeighborLists.Of(source, Count, Count, width, tile);
                        for (var query = 0; query < Count; query++)
                        {
                            Assert.Equal(orders[query].Take(width).Select(one => one.Row), lists.Rows(query).ToArray());
                            Assert.Equal(orders[query].Take(width).Select(one => one.Key), lists.Keys(query).ToArray());
                            Assert.Equal(orders[query][^1].Key, lists.FarthestKeys[query]);
                        }
                    }
            }
    }

    private static Tensor Rows(string kind)
    {
        manual_seed(5);
        var noise = randn(Count, 40);
        return kind switch
        {
            "all equal" => noise[..1].repeat(Count, 1),
            "three values" => noise.index_select(0, arange(Count) % 3),
            "equal up to rounding" => 1 + 1e-7f * noise,
            "one apart" => cat([noise[..1].repeat(Count - 1, 1), noise[1..2]]),
            _ => noise,
        };
    }
}
