namespace MetricLearning.Tests;

public class EdgeIndexTests
{
    /// <summary>Crowded edges, edges that differ in the last bits, a single edge, none, and edges from −1e308 to 1e308.</summary>
    public static TheoryData<string> Kinds => ["crowded", "adjacent", "one", "none", "wide"];

    [Theory, MemberData(nameof(Kinds))]
    public void LowerBound_OfOneAndOfMany_IsTheFirstEdgeNotBelow(string kind)
    {
        var random = SeededRandom.ForStream(3, 1);
        double[] edges = kind switch
        {
            "crowded" => [.. Enumerable.Range(0, 5000).Select(_ => Math.Pow(random.NextDouble(-1, 1), 9)).Distinct().Order()],
            "adjacent" => [.. Enumerable.Range(0, 20).Select(i => BitConverter.Int64BitsToDouble(BitConverter.DoubleToInt64Bits(1) + i))],
            "one" => [0.25],
            "none" => [],
            _ => [-1e308, -1, 0, 1e-300, 1e308],
        };
        double[] values =
        [
            .. edges, .. edges.Select(Math.BitIncrement), .. edges.Select(Math.BitDecrement), .. edges.Select(edge => edge * 1.001),
            0, -0.0, double.NegativeInfinity, double.PositiveInfinity, double.MaxValue, double.MinValue, double.Epsilon, 5, -7,
        ];
        var index = new EdgeIndex(edges);
        Assert.Equal(edges.Length, index.Count);
        var expected = Array.ConvertAll(values, value => edges.Count(edge => edge < value));
        Assert.Equal(expected, values.Select(index.LowerBound));
        var places = new int[values.Length];
        index.LowerBounds(values, places);
        Assert.Equal(expected, places);
        places = new int[11];
        index.LowerBounds([.. Enumerable.Repeat(double.NaN, 11)], places);
        Assert.All(places, place => Assert.InRange(place, 0, edges.Length));
    }
}
