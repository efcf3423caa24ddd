using System.Collections;

namespace MetricLearning.Search.Tests;

/// <summary>Tests what an index stores, refuses and removes.</summary>
public class ExactIndexTests
{
    /// <summary>A list that has one vector again and again.</summary>
    private sealed class Repeated(float[] vector, int count) : IReadOnlyList<ReadOnlyMemory<float>>
    {
        public int Count => count;

        public ReadOnlyMemory<float> this[int index] => vector;

        public IEnumerator<ReadOnlyMemory<float>> GetEnumerator() =>
            Enumerable.Repeat((ReadOnlyMemory<float>)vector, count).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    [Fact]
    public void MoreQueriesThanAnArrayHolds_AreRefusedByTheirNumber()
    {
        var shape = new RowShape(SearchMetric.Dot, RowShape.LargestWidth);
        var e = Assert.Throws<ArgumentException>(
            () => new QuerySet(shape, new RowSet(shape).Center, new Repeated(new float[RowShape.LargestWidth], 40_000), threads: 1));
        Assert.StartsWith("queries must be at most 32767 vectors of 65536 numbers in one call, got 40000; search in several calls.",
            e.Message);
    }

    private static readonly float[] x = [1, 2, 3], y = [3, 2, 1];

    [Fact]
    public void Rows_AreKeptWithTheirLabels()
    {
        var index = new ExactIndex<string>(3);
        var vector = x.ToArray();
        index.Add("a", vector, new RowLabels { Identity = 7, Camera = 2, Tags = ["shoe", "red"] });
        vector[0] = 100;
        index.Add("b", y);
        Assert.Equal(2, index.Count);
        Assert.Equal(["a", "b"], index.Keys);
        var row = index.Find("a")!;
        Assert.Equal(x, row.Vector.ToArray());
        Assert.Equal(new RowLabels { Identity = 7, Camera = 2, Tags = ["shoe", "red"] }, row.Labels);
        Assert.Null(index.Find("c"));
        Assert.True(index.Contains("b"));
        Assert.Equal("a", Assert.Single(index.Search(y, 5, SearchFilter<string>.Tag("red"))).Key);
        Assert.Equal("b", Assert.Single(index.Search(x, 5, SearchFilter<string>.Keys(["b", "z"]))).Key);
        Assert.Empty(index.Search(x, 5, SearchFilter<string>.Keys(["b"]).And(SearchFilter<string>.Tag("red"))));
    }

    [Fact]
    public void Upsert_ReplacesAndRemove_Forgets()
    {
        var index = new ExactIndex<int>(3);
        index.Upsert([new(1, x), new(2, x)]);
        index.Upsert(1, y);
        Assert.Equal(2, index.Count);
        Assert.Equal([1, 2], index.Search(y, 5).Select(hit => hit.Key));
        Assert.Equal(y, index.Find(1)!.Vector.ToArray());
        Assert.True(index.Remove(1));
        Assert.False(index.Remove(1));
        Assert.Equal([2], index.Search(y, 5).Select(hit => hit.Key));
        index.Add(1, x);
        Assert.Equal([1, 2], index.Search(x, 5).Select(hit => hit.Key));
    }

    /// <summary>The memory of removed rows is freed, and the remaining rows are found as before.</summary>
    [Fact]
    public void ManyRemovals_LeaveTheOthers()
    {
        const int width = 4096;
        var rows = DrawnRows.Of(RowKind.Plain, 1200, width, seed: 3);
        var index = new ExactIndex<int>(width);
        index.Add(rows.Select((row, key) => new SearchRow<int>(key, row)));
        for (var key = 0; key < rows.Length; key++)
            if (key % 6 != 0) Assert.True(index.Remove(key));
        Assert.Equal(200, index.Count);
        for (var key = 0; key < rows.Length; key += 60) Assert.Equal(key, index.Search(rows[key], 1)[0].Key);
        Assert.Equal(Enumerable.Range(0, 200).Select(i => 6 * i), index.Search(rows[0], 1000).Select(hit => hit.Key).Order());
    }

    public static TheoryData<string, float[], string> BadVectors => new()
    {
        { "narrow", [1, 2], "got 2" }, { "wide", [1, 2, 3, 4], "got 4" }, { "empty", [], "got 0" },
        { "NaN", [1, float.NaN, 3], "got NaN at index 1" }, { "infinite", [1, 2, float.NegativeInfinity], "got -Infinity at index 2" },
        { "zero", [0, -0f, 0], "got zeros" },
    };

    [Theory, MemberData(nameof(BadVectors))]
    public void ABadVector_IsRefused_AndNothingChanges(string what, float[] vector, string message)
    {
        var index = new ExactIndex<string>(3);
        index.Add("a", x);
        Refused(() => index.Add(what, vector));
        Refused(() => index.Add([new("b", y), new(what, vector)]));
        Refused(() => index.Upsert("a", vector));
        Refused(() => index.Search(vector, 1));
        Refused(() => index.Search([x, vector], 1));
        Assert.Equal(["a"], index.Keys);
        Assert.Equal(["a"], index.Search(y, 5).Select(hit => hit.Key));

        void Refused(Action act) => Assert.Contains(message, Assert.Throws<ArgumentException>(act).Message, StringComparison.Ordinal);
    }

    [Theory, InlineData(SearchMetric.Dot), InlineData(SearchMetric.Euclidean)]
    public void Zeros_AreAccepted_UnlessAnglesAreCompared(SearchMetric metric)
    {
        var index = new ExactIndex<int>(3, metric);
        index.Add([new(1, x), new(2, new float[3])]);
        Assert.Equal(2, index.Search(new float[3], 2).Count);
        Assert.Equal(0, index.Search(new float[3], 2, SearchFilter<int>.Keys([2]))[0].Score);
    }

    [Fact]
    public void AKeyTwice_IsRefused_AndNothingChanges()
    {
        var index = new ExactIndex<int>(3);
        index.Add(1, x);
        Assert.Contains("key must be new, got 1, which the index already has",
            Assert.Throws<ArgumentException>("key", () => index.Add(1, y)).Message,
            StringComparison.Ordinal);
        Assert.Contains("got 2 twice", Assert.Throws<ArgumentException>(() => index.Add([new(2, x), new(2, y)])).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => index.Upsert([new(2, x), new(2, y)]));
        Assert.Throws<ArgumentException>(() => index.Add([new(2, x), new(1, y)]));
        Assert.Equal([1], index.Keys);
        Assert.Equal(x, index.Find(1)!.Vector.ToArray());
    }

    [Fact]
    public void WrongArguments_AreNamed()
    {
        Assert.Throws<ArgumentOutOfRangeException>("dimension", () => new ExactIndex<int>(0));
        Assert.Throws<ArgumentOutOfRangeException>("dimension", () => new ExactIndex<int>(RowShape.LargestWidth + 1));
        Assert.Throws<ArgumentOutOfRangeException>("metric", () => new ExactIndex<int>(3, (SearchMetric)9));
        Assert.Throws<ArgumentOutOfRangeException>("threads", () => new ExactIndex<int>(3, threads: 0));
        Assert.Throws<ArgumentException>("order", () => new ExactIndex<Version[]>(3));
        var index = new ExactIndex<string>(3);
        Assert.Throws<ArgumentOutOfRangeException>("k", () => index.Search(x, 0));
        Assert.Throws<ArgumentNullException>("key", () => index.Add(null!, x));
        Assert.Throws<ArgumentNullException>("rows", () => index.Add(null!));
        Assert.Throws<ArgumentNullException>("rows", () => index.Add([null!]));
        Assert.Throws<ArgumentNullException>("keys", () => index.Remove((IEnumerable<string>)null!));
        Assert.Throws<ArgumentNullException>("queries", () => index.Search((IReadOnlyList<ReadOnlyMemory<float>>)null!, 1));
        Assert.Throws<ArgumentNullException>("Key", () => new SearchRow<string>(null!, x));
        Assert.Throws<ArgumentNullException>("Tags", () => new RowLabels { Tags = [null!] });
    }

    [Fact]
    public void AConditionThatThrows_PassesItsExceptionOn()
    {
        var index = new ExactIndex<int>(3, threads: 4);
        index.Add(Enumerable.Range(0, 20_000).Select(key => new SearchRow<int>(key, x)));
        Assert.Throws<FormatException>(() => index.Search(x, 1, SearchFilter<int>.Where((_, _) => throw new FormatException())));
    }

    [Fact]
    public void ASearch_StopsWhenItIsCanceled()
    {
        var index = new ExactIndex<int>(3, threads: 1);
        index.Add(Enumerable.Range(0, 20_000).Select(key => new SearchRow<int>(key, x)));
        Assert.Throws<OperationCanceledException>(() => index.Search([x], 1, cancellationToken: new CancellationToken(canceled: true)));
        // The search itself cancels the token, at its first row.
        using var source = new CancellationTokenSource();
        var asked = 0;
        var filter = SearchFilter<int>.Where((_, _) =>
        {
            asked++;
            source.Cancel();
            return true;
        });
        Assert.Throws<OperationCanceledException>(() => index.Search([x], 1, filter, cancellationToken: source.Token));
        Assert.InRange(asked, 1, 19_999);
    }
}
