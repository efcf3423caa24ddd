using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class EmbeddingSetTests
{
    private static readonly float[] numbers = [1, 2, 3, 4, 5, 6];
    private static readonly long[] identities = [7, 8, 9], cameras = [1, 1, 2];
    private static readonly int[] narrowIdentities = [7, 8, 9], narrowCameras = [1, 1, 2];

    private static Tensor Features => tensor(numbers, [3, 2]);

    private static void AssertSet(EmbeddingSet set)
    {
        using (set)
        {
            Assert.Equal([3, 2], set.Features.shape);
            Assert.Equal(numbers, set.Features.data<float>().ToArray());
            Assert.Equal(identities, set.Identities);
            Assert.Equal(cameras, set.Cameras);
            Assert.Equal(3, set.Count);
        }
    }

    [Fact]
    public void Set_IsMadeFromTensorsAndArrays()
    {
        AssertSet(new EmbeddingSet(Features, identities, cameras));
        AssertSet(new EmbeddingSet(Features, identities.Select(i => i), cameras.Select(c => c)));
        AssertSet(new EmbeddingSet(Features, [7, 8, 9], [1, 1, 2]));
        AssertSet(new EmbeddingSet(Features, narrowIdentities, narrowCameras));
        AssertSet(EmbeddingSet.FromArray(new float[,] { { 1, 2 }, { 3, 4 }, { 5, 6 } }, identities, cameras));
        AssertSet(EmbeddingSet.FromArray(numbers, dimension: 2, narrowIdentities, narrowCameras.Select(c => c)));
        AssertSet(EmbeddingSet.FromRows([[1, 2], [3, 4], [5, 6]], [7, 8, 9], [1, 1, 2]));
        using var none = EmbeddingSet.FromArray(new float[0, 4], Array.Empty<int>());
        Assert.Equal([0, 4], none.Features.shape);
        Assert.Null(none.Cameras);
    }

    /// <summary>The nearest-centroid accuracy is that of a plain loop.</summary>
    [Theory, InlineData(true), InlineData(false)]
    public void ClassMeans_AreTheGalleryOfNearestCentroids(bool normalize)
    {
        using var scope = NewDisposeScope();
        const int width = 5;
        var random = new SeededRandom(8);
        var identities = Enumerable.Range(0, 60).Select(i => (long)(9 - i * 7 % 10)).ToArray();
        var rows = identities.Select(identity => Enumerable.Range(0, width)
            .Select(column => (column == identity % width ? 1.5 : 0) + random.NextGaussian() + identity * 0.1).ToArray()).ToArray();
        using var set = new EmbeddingSet(stack([.. rows.Select(row => tensor(row))]), identities, [.. identities.Select(_ => 1L)])
        {
            Space = new EmbeddingSpace { Architecture = "osnet", Dimension = width },
        };
        using var means = set.ClassMeans(normalize);
        Assert.Equal(Enumerable.Range(0, 10).Select(identity => (long)identity), means.Identities);
        Assert.Null(means.Cameras);
        Assert.Equal("osnet", means.Space!.Architecture);
        var expected = means.Identities.Select(identity => Mean(identities.Zip(rows).Where(row => row.First == identity)
            .Select(row => normalize ? Unit(row.Second) : row.Second).ToArray())).ToArray();
        var found = means.Features.data<double>().ToArray();
        Assert.All(expected.SelectMany(row => row).Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-12));

        var evaluator = new RetrievalEvaluator { Distance = Distance.Euclidean, Protocol = RetrievalProtocol.NoFilter };
        var right = identities.Zip(rows).Count(row => Enumerable.Range(0, 10).MinBy(k => Distance2(row.Second, expected[k])) == row.First);
        Assert.Equal((double)right / rows.Length, evaluator.Evaluate(set, means).RankAt(1), 1e-12);
        Assert.InRange(right, 11, 59);
        using var none = new EmbeddingSet(rand(0, 2), Array.Empty<long>());
        using var empty = none.ClassMeans();
        Assert.Equal((0, 2L), (empty.Count, empty.Features.size(1)));

        static double[] Unit(double[] row) => [.. row.Select(value => value / Math.Sqrt(row.Sum(x => x * x)))];

        static double[] Mean(double[][] rows) => [.. Enumerable.Range(0, width).Select(column => rows.Average(row => row[column]))];

        static double Distance2(double[] x, double[] y) => x.Zip(y).Sum(pair => (pair.First - pair.Second) * (pair.First - pair.Second));
    }

    [Fact]
    public void Prefix_HasTheFirstNumbers_AndSaysSo()
    {
        using var set = new EmbeddingSet(Features, identities, cameras) { Space = new EmbeddingSpace { Dimension = 2, Height = 4 } };
        using (var first = set.Prefix(1))
        {
            float[] column = [1, 3, 5];
            Assert.Equal([3, 1], first.Features.shape);
            Assert.Equal(column, first.Features.data<float>().ToArray());
            Assert.Equal(identities, first.Identities);
            Assert.Equal(cameras, first.Cameras);
            Assert.Equal((1L, 4), (first.Space!.Dimension!.Value, first.Space.Height!.Value));
            first.Features.bytes.Clear();
        }
        Assert.Equal(numbers, set.Features.data<float>().ToArray());        // the prefix had its own memory
        using var all = set.Prefix(2);
        Assert.Equal(numbers, all.Features.data<float>().ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Prefix(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => set.Prefix(3));
    }

    [Theory]
    [InlineData(ScalarType.Byte), InlineData(ScalarType.Int8), InlineData(ScalarType.Int16), InlineData(ScalarType.Int32)]
    [InlineData(ScalarType.Int64)]
    public void Set_TakesTensorsOfAnyIntegers_AndLeavesThemToTheCaller(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var (people, views) = (tensor(identities).to(type), tensor(cameras).to(type));
        AssertSet(new EmbeddingSet(Features, people, views));
        Assert.False(people.IsInvalid || views.IsInvalid);
        using var strided = new EmbeddingSet(Features, tensor(new long[,] { { 7, 0 }, { 8, 0 }, { 9, 0 } }).to(type).select(1, 0));
        Assert.Equal(identities, strided.Identities);
    }

    [Fact]
    public void Set_OwnsItsFeatures_AndCopiesTheRest()
    {
        var (people, values) = (identities.ToArray(), new float[,] { { 1, 2 }, { 3, 4 }, { 5, 6 } });
        var features = Features;
        EmbeddingSet set;
        using (NewDisposeScope()) set = new EmbeddingSet(features, people, cameras);
        using var copied = EmbeddingSet.FromArray(values, people, cameras);
        people[0] = 100;
        values[0, 0] = 100;
        Assert.Equal([3, 2], features.shape);       // the caller may read it as long as the set lives
        AssertSet(set);
        Assert.True(features.IsInvalid);
        Assert.Throws<ObjectDisposedException>(() => set.Features);
        var early = Features;
        var kept = new EmbeddingSet(early, identities, cameras);
        early.Dispose();
        AssertSet(kept);
        Assert.Equal((1f, 7), (copied.Features.data<float>()[0], copied.Identities[0]));
    }

    [Fact]
    public void Mistakes_AreNamed_AndNothingIsTakenOver()
    {
        using var features = Features;
        using var floats = ones(3);
        using var two = ones(2, ScalarType.Int64);
        using var three = ones(3, ScalarType.Int64);
        using var matrix = ones(3, 1, ScalarType.Int32);
        Expect("identities must have one entry per row of features [3, 2], got 2.", () => new EmbeddingSet(features, [1, 2]));
        Expect("cameras must have one entry per row of features [3, 2], got 1.", () => new EmbeddingSet(features, identities, [1L]));
        Expect("identities must be integers [3], one per row of features [3, 2], got Float32 [3].",
            () => new EmbeddingSet(features, floats));
        Expect("identities must be integers [3], one per row of features [3, 2], got Int64 [2].", () => new EmbeddingSet(features, two));
        Expect("cameras must be integers [3], one per row of features [3, 2], got Int32 [3, 1].",
            () => new EmbeddingSet(features, three, matrix));
        Expect("features must be [N, D], got [3].", () => new EmbeddingSet(floats, identities));
        Expect("features must be [N, D], got [3, 0].", () => EmbeddingSet.FromArray(new float[3, 0], identities));
        Expect("identities must have one entry per row of features [2, 3], got 3.", () => EmbeddingSet.FromArray(numbers, 3, identities));
        Expect("features must hold whole rows of dimension 4, got 6 numbers.", () => EmbeddingSet.FromArray(numbers, 4, identities));
        Expect("dimension must be at least 1.", () => EmbeddingSet.FromArray(numbers, 0, identities));
        Expect("rows must have one length D, got 2 in row 0 and 3 in row 1.", () => EmbeddingSet.FromRows([[1, 2], [1, 2, 3]], [1, 2]));
        Expect("rows must have one length D, got 2 in row 0 and null in row 1.", () => EmbeddingSet.FromRows([[1, 2], null!], [1, 2]));
        Expect("rows must hold at least one row", () => EmbeddingSet.FromRows([], [1]));
        Assert.Throws<OverflowException>(() => EmbeddingSet.FromArray(numbers, 6, [ulong.MaxValue]));
        Assert.Equal("identities", Assert.Throws<ArgumentNullException>(() => new EmbeddingSet(features, (long[])null!)).ParamName);
        Assert.Equal("features", Assert.Throws<ArgumentNullException>(() => new EmbeddingSet(null!, identities)).ParamName);
        Assert.False(features.IsInvalid);

        static void Expect(string message, Func<EmbeddingSet> make) =>
            Assert.StartsWith(message, Assert.ThrowsAny<ArgumentException>(make).Message, StringComparison.Ordinal);
    }
}
