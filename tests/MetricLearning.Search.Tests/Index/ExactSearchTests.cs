using CsCheck;

namespace MetricLearning.Search.Tests;

/// <summary>Tests that every search gives the same bits as a plain float64 loop.</summary>
public class ExactSearchTests
{
    private static readonly int[] widths = [1, 2, 3, 15, 16, 17, 31, 64, 100, 257];
    private static readonly int[] shares = [1, 2, 10, 100];

    public static TheoryData<SearchMetric, RowKind> Cases => new(
        from metric in Enum.GetValues<SearchMetric>() from kind in Enum.GetValues<RowKind>() select (metric, kind));

    [Theory, MemberData(nameof(Cases))]
    public void AnySearch_GivesWhatAPlainLoopGives(SearchMetric metric, RowKind kind) => Gen.Select(Gen.Int[0, 1000], Gen.Int[0, 9],
        Gen.Int[1, 700], Gen.Int[1, 30], Gen.Int[1, 120], Gen.Int[0, 3]).Sample((seed, width, count, queryCount, k, filtering) =>
    {
        var random = new Random(seed);
        var rows = DrawnRows.Of(kind, count + queryCount, widths[width], seed);
        var (stored, queries) = (rows[..count].Select((row, key) => (Key: key * 7 % count * 3 + key / count, Vector: row)).ToArray(),
            rows[count..]);
        var keyed = stored.DistinctBy(row => row.Key).ToArray();
        if (metric == SearchMetric.Cosine)
            (keyed, queries) = ([.. keyed.Where(row => row.Vector.Any(x => x != 0))], [.. queries.Where(x => x.Any(y => y != 0))]);
        var index = new ExactIndex<int>(widths[width], metric, threads: 1 + seed % 3);
        foreach (var part in keyed.Chunk(1 + seed % 300)) index.Add(part.Select(row => new SearchRow<int>(row.Key, row.Vector)));
        var removed = keyed.Where(_ => random.Next(4) == 0).Select(row => row.Key).ToHashSet();
        Assert.Equal(removed.Count, index.Remove(removed));
        var kept = keyed.Where(row => !removed.Contains(row.Key)).ToArray();
        var share = shares[filtering];
        var allowed = kept.Where(_ => random.Next(share) == 0).ToArray();
        var keys = allowed.Select(row => row.Key).ToHashSet();
        var filter = filtering == 0 ? null : seed % 2 == 0 ? SearchFilter<int>.Keys(keys)
            : SearchFilter<int>.Where((key, _) => keys.Contains(key));

        var found = index.Search([.. queries.Select(query => (ReadOnlyMemory<float>)query)], k, filter);
        for (var i = 0; i < queries.Length; i++)
        {
            var expected = PlainSearch.Nearest(metric, queries[i], allowed, k);
            Assert.Equal(expected, found[i].Select(hit => (hit.Key, hit.Score)));
        }
        if (queries.Length > 0) Assert.Equal(found[0], index.Search(queries[0], k, filter));
    }, iter: 25, threads: 1, seed: "0000KOIPe036");

    /// <summary>Rows of several chunks. Their integers are computed again around a new center while the index grows.</summary>
    [Theory, InlineData(SearchMetric.Cosine), InlineData(SearchMetric.Dot), InlineData(SearchMetric.Euclidean)]
    public void ManyChunks_GiveWhatAPlainLoopGives(SearchMetric metric)
    {
        const int width = 2000, count = 1700, k = 20;
        var rows = DrawnRows.Of(RowKind.Rectified, count + 9, width, seed: 5).Select((vector, key) => (Key: key, Vector: vector)).ToArray();
        var index = new ExactIndex<int>(width, metric, threads: 3);
        foreach (var part in rows[..count].Chunk(111)) index.Add(part.Select(row => new SearchRow<int>(row.Key, row.Vector)));
        var found = index.Search([.. rows[count..].Select(row => (ReadOnlyMemory<float>)row.Vector)], k);
        foreach (var (row, hits) in rows[count..].Zip(found))
            Assert.Equal(PlainSearch.Nearest(metric, row.Vector, rows[..count], k), hits.Select(hit => (hit.Key, hit.Score)));
    }

    /// <summary>There are enough rows for 8-bit integers of the queries. For some kinds so many rows pass their bound that the search goes
    /// back to 16-bit integers.</summary>
    [Theory, MemberData(nameof(Cases))]
    public void ManyQueriesOfManyRows_GiveWhatAPlainLoopGives(SearchMetric metric, RowKind kind)
    {
        const int width = 24, count = 9000, k = 3;
        var rows = DrawnRows.Of(kind, count + 50, width, seed: 11).Select((vector, key) => (Key: key, Vector: vector)).ToArray();
        if (metric == SearchMetric.Cosine) rows = [.. rows.Where(row => row.Vector.Any(x => x != 0))];
        var (stored, queries) = (rows[..count], rows[count..]);
        var index = new ExactIndex<int>(width, metric, threads: 1);
        index.Add(stored.Select(row => new SearchRow<int>(row.Key, row.Vector)));
        var found = index.Search([.. queries.Select(row => (ReadOnlyMemory<float>)row.Vector)], k);
        foreach (var (query, hits) in queries.Zip(found))
            Assert.Equal(PlainSearch.Nearest(metric, query.Vector, stored, k), hits.Select(hit => (hit.Key, hit.Score)));
    }

    /// <summary>All products of integers are as large as possible. Their sums must not overflow.</summary>
    [Theory, InlineData(16), InlineData(1024), InlineData(RowShape.LargestWidth)]
    public void TheLargestIntegers_DoNotOverflow(int width)
    {
        var index = new ExactIndex<int>(width, SearchMetric.Dot);
        float[] ones = [.. Enumerable.Repeat(1f, width)], minus = [.. Enumerable.Repeat(-1f, width)];
        index.Add([new(0, minus), new(1, ones), new(2, (float[])[.. ones[1..], 0.5f])]);
        for (var queries = 1; queries <= 4; queries += 3)
            foreach (var hits in index.Search([.. Enumerable.Repeat((ReadOnlyMemory<float>)ones, queries)], 3))
                Assert.Equal([(1, width), (2, width - 0.5), (0, -width)], hits.Select(hit => (hit.Key, hit.Score)));
    }

    /// <summary>Rows and query are integers whose compact forms are exact. Their scores differ by less than float32 can tell apart, and
    /// come in ascending order, so each new row must displace another.</summary>
    [Theory, InlineData(SearchMetric.Dot), InlineData(SearchMetric.Euclidean)]
    public void ScoresThatFloat32CannotTellApart_AreRankedExactly(SearchMetric metric)
    {
        const int width = 1024, varied = 40, count = 2048, k = 5;
        var random = new Random(3);
        var common = Enumerable.Range(0, width - varied).Select(i => i == 0 ? 0 : i == 1 ? 2 : random.Next(-2, 3)).ToArray();
        float[] query = [.. common.Select((x, i) => i == 1 ? short.MaxValue : 5000f * x),
            .. Enumerable.Range(0, varied).Select(_ => random.Next(2) * 2f - 1)];
        float[][] rows = [.. Enumerable.Range(0, count / 2).Select(_ => Row(scale: random.Next(1, 7)))
            .OrderBy(row => row.Zip(query, (x, y) => (double)x * y).Sum())];
        // Opposite rows make the center 0. Their number is a power of 2, so that the mean has no rounding errors.
        rows = [.. rows, .. rows.Select(row => Array.ConvertAll(row, x => -x))];
        var index = new ExactIndex<int>(width, metric, threads: 1);
        index.Add(rows.Select((row, key) => new SearchRow<int>(key, row)));
        var expected = PlainSearch.Nearest(metric, query, rows.Index().Select(row => (row.Index, row.Item)), k).ToArray();
        Assert.True(expected.DistinctBy(hit => (float)hit.Score).Count() < k);
        for (var queries = 1; queries <= 4; queries += 3)
            foreach (var hits in index.Search([.. Enumerable.Repeat((ReadOnlyMemory<float>)query, queries)], k))
                Assert.Equal(expected, hits.Select(hit => (hit.Key, hit.Score)));

        // All rows share the large products. The query is 0 at their first number, so this number sets the scale of the row and does not
        // change the score.
        float[] Row(int scale) => [127 * scale, .. common.Skip(1).Select(x => 60f * x),
            .. Enumerable.Range(0, varied).Select(_ => (float)scale * random.Next(-1, 2))];
    }

    /// <summary>The integers of the rows are exact. The 8-bit integers of the query are 0 for all numbers by which the scores differ, so
    /// only the part of the error bound that belongs to the query keeps the nearest rows.</summary>
    [Theory, InlineData(SearchMetric.Dot), InlineData(SearchMetric.Euclidean)]
    public void QueriesThatEightBitsCannotTellApart_AreRankedExactly(SearchMetric metric)
    {
        const int width = 64, count = 2048, k = 5;
        var random = new Random(4);
        float[] query = [short.MaxValue, .. Enumerable.Range(1, width - 1).Select(_ => 100f * (random.Next(2) * 2 - 1))];
        float[][] rows = [.. Enumerable.Range(0, count / 2)
            .Select(_ => (float[])[127, .. Enumerable.Range(1, width - 1).Select(_ => 60f * (random.Next(2) * 2 - 1))])
            .OrderBy(row => row.Zip(query, (x, y) => (double)x * y).Sum())];
        // Opposite rows make the center 0. Their number is a power of 2, so that the mean has no rounding errors.
        rows = [.. rows, .. rows.Select(row => Array.ConvertAll(row, x => -x))];
        var index = new ExactIndex<int>(width, metric, threads: 1);
        index.Add(rows.Select((row, key) => new SearchRow<int>(key, row)));
        var expected = PlainSearch.Nearest(metric, query, rows.Index().Select(row => (row.Index, row.Item)), k).ToArray();
        foreach (var hits in index.Search([.. Enumerable.Repeat((ReadOnlyMemory<float>)query, 4)], k))
            Assert.Equal(expected, hits.Select(hit => (hit.Key, hit.Score)));
    }

    /// <summary>There are more equal rows than candidates. The smallest keys must win.</summary>
    [Fact]
    public void EqualRows_ComeInTheOrderOfTheirKeys()
    {
        const int count = 20_000;
        var index = new ExactIndex<string>(2, threads: 4);
        string[] keys = [.. Enumerable.Range(0, count).Select(i => $"{(i % 2 == 0 ? 'a' : 'B')}{i * 7919 % count}")];
        float[] row = [1, 2];
        index.Add(keys.Select(key => new SearchRow<string>(key, row)));
        Assert.Equal(keys.Order(StringComparer.Ordinal).Take(50), index.Search([3f, 1f], 50).Select(hit => hit.Key));
    }

    [Fact]
    public void TheAnswer_IsTheSameForAnyOrderBatchingAndThreads()
    {
        var rows = DrawnRows.Of(RowKind.Rectified, 3000, 40, seed: 1).Select((vector, key) => new SearchRow<int>(key, vector)).ToArray();
        ReadOnlyMemory<float>[] queries = [.. DrawnRows.Of(RowKind.Rectified, 50, 40, seed: 2).Select(x => (ReadOnlyMemory<float>)x)];
        var expected = Answer(rows, threads: 1, batch: rows.Length);
        for (var threads = 1; threads <= 7; threads += 2)
            for (var batch = 1; batch <= 100; batch += 99)
            {
                new Random(threads).Shuffle(rows);
                Assert.Equal(expected, Answer(rows, threads, batch));
            }

        List<(int, double)> Answer(SearchRow<int>[] order, int threads, int batch)
        {
            var index = new ExactIndex<int>(40, SearchMetric.Euclidean, threads);
            foreach (var part in order.Chunk(batch)) index.Add(part);
            return [.. index.Search(queries, 30).SelectMany(hits => hits).Select(hit => (hit.Key, hit.Score))];
        }
    }

    [Fact]
    public void AskingForMoreRowsThanThereAre_GivesAll()
    {
        var index = new ExactIndex<int>(3, SearchMetric.Dot);
        Assert.Empty(index.Search([1, 2, 3], 5));
        Assert.Empty(index.Search(Array.Empty<ReadOnlyMemory<float>>(), 5));
        index.Add(4, [1, 2, 3]);
        Assert.Equal([(4, 14.0)], index.Search([1, 2, 3], int.MaxValue).Select(hit => (hit.Key, hit.Score)));
    }
}
