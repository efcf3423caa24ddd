namespace MetricLearning.Search.Tests;

/// <summary>Tests that readers see the rows of one moment while a writer works.</summary>
public class ConcurrencyTests
{
    /// <summary>The writer replaces all rows in one call again and again, so that memory is compacted too. A search that saw half of a call
    /// would return rows of two generations, or too few rows.</summary>
    [Fact]
    public async Task ASearch_SeesOneMoment()
    {
        const int width = 1024, count = 300, generations = 60;
        var rows = DrawnRows.Of(RowKind.Rectified, count, width, seed: 4);
        var index = new ExactIndex<int>(width, threads: 2);
        Write(0);
        using var stop = new CancellationTokenSource();
        using var started = new CountdownEvent(3);
        var readers = Enumerable.Range(0, 3).Select(reader => Task.Factory.StartNew(() =>
        {
            var (searches, newest) = (0, 0L);
            while (!stop.IsCancellationRequested)
            {
                var hits = index.Search(rows[reader], count + 5, searches % 2 == 0 ? null : SearchFilter<int>.Where((key, _) => key >= 0));
                Assert.Equal(count, hits.Count);
                Assert.Equal(reader, hits[0].Key);
                var generation = Assert.Single(hits.Select(hit => hit.Labels.Identity!.Value).Distinct());
                Assert.True(generation >= newest);
                if (searches++ == 0) started.Signal();
                newest = generation;
                Assert.Equal(5, index.Search(rows[reader], count, SearchFilter<int>.Keys([1, 2, 3, 4, 5, -1])).Count);
                Assert.True(index.Find(reader)!.Labels!.Identity >= newest);
            }
            return searches;
        }, TaskCreationOptions.LongRunning)).ToArray();
        started.Wait(TestContext.Current.CancellationToken);
        for (var generation = 1; generation <= generations; generation++) Write(generation);
        await stop.CancelAsync();
        foreach (var searches in await Task.WhenAll(readers)) Assert.True(searches > 0);
        Assert.Equal(count, index.Count);

        void Write(long generation) => index.Upsert(rows.Select((row, key) =>
            new SearchRow<int>(key, row, new RowLabels { Identity = generation })));
    }

    /// <summary>The number of rows is that of one moment too: it does not take the rows of one and the removed rows of another.</summary>
    [Fact]
    public async Task TheCount_IsThatOfOneMoment()
    {
        const int width = 2, count = 50, writes = 4000;
        SearchRow<int>[] rows = [.. DrawnRows.Of(RowKind.Plain, count, width, seed: 6).Select((row, key) => new SearchRow<int>(key, row))];
        var index = new ExactIndex<int>(width, threads: 1);
        index.Upsert(rows);
        var writer = Task.Run(() =>
        {
            for (var i = 0; i < writes; i++) index.Upsert(rows);
        });
        var seen = new HashSet<int>();
        while (!writer.IsCompleted) seen.Add(index.Count);
        await writer;
        Assert.Equal([count], seen.Append(index.Count).Distinct());
    }

    [Fact]
    public async Task ManyWriters_LoseNothing()
    {
        const int width = 8, each = 400;
        var index = new ExactIndex<int>(width, SearchMetric.Dot);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(() =>
        {
            foreach (var (row, i) in DrawnRows.Of(RowKind.Plain, each, width, writer).Select((row, i) => (row, i)))
            {
                index.Add(writer * each + i, row);
                if (i % 2 == 1) Assert.True(index.Remove(writer * each + i - 1));
            }
        })));
        Assert.Equal(Enumerable.Range(0, 4 * each).Where(key => key % 2 == 1), index.Keys.Order());
    }
}
