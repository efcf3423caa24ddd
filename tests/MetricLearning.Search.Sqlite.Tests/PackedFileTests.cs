using System.Globalization;

namespace MetricLearning.Search.Tests;

/// <summary>Tests that the packed file, which makes searches fast, never changes an answer, even if it is damaged.</summary>
public class PackedFileTests
{
    [Fact]
    public async Task SearchesThroughTheFile_AreExact_AlsoUnderFilters_AndAfterChanges()
    {
        using var gallery = new Gallery(2 * Gallery.BlockRows + 700);
        await gallery.CheckAsync();
        Assert.Single(gallery.Files);
        await gallery.CheckAsync(group: 7);
        await gallery.CheckAsync(group: 700, queries: 1);
        gallery.Delete(Enumerable.Range(100, 300));
        gallery.Upsert(Enumerable.Range(50, 200), RowKind.Plain, seed: 2);
        gallery.Upsert(Enumerable.Range(100_000, 400), RowKind.Rectified, seed: 3);
        await gallery.CheckAsync();
        await gallery.CheckAsync(group: 60);
        gallery.Reopen();
        await gallery.CheckAsync();
        Assert.Single(gallery.Files);
        var hits = await gallery.Records.SearchBatchAsync(
            [.. DrawnRows.Of(RowKind.Plain, 5, Gallery.Width, 9).Select(vector => (ReadOnlyMemory<float>)vector)], 3);
        Assert.All(hits, list => Assert.Equal(3, list.Count));
    }

    [Theory]
    [InlineData(RowKind.Ties)]
    [InlineData(RowKind.NearTwins)]
    [InlineData(RowKind.HugeOffset)]
    [InlineData(RowKind.MixedLengths)]
    public async Task RowsThatAreHardToTellApart_AreExact(RowKind kind)
    {
        using var gallery = new Gallery(Gallery.BlockRows + 100, kind);
        await gallery.CheckAsync(queries: 2);
        await gallery.CheckAsync(queries: 1, group: 5);
    }

    /// <summary>An empty file cannot be mapped.</summary>
    [Fact]
    public void AFileThatCannotBeMapped_IsClosed()
    {
        Assert.SkipUnless(Directory.Exists("/proc/self/fd"), "Only Linux lists the open files of a process");
        using var folder = new TempFolder();
        var (path, shape) = (folder.File("rows"), new RowShape(SearchMetric.Cosine, 4));
        File.WriteAllBytes(path, []);
        Assert.Throws<ArgumentException>(() => PackedFile.Open(path, shape, new PackedEntry(1, 0, 0, new double[shape.Padded], []), null));
        Assert.DoesNotContain(path, Directory.GetFiles("/proc/self/fd").Select(open => new FileInfo(open).LinkTarget));
    }

    [Fact]
    public async Task ASecondOpening_UsesTheFile_AndWritesAMissingOneAnew()
    {
        using var gallery = new Gallery(Gallery.BlockRows + 10);
        await gallery.CheckAsync();
        var (file, bytes) = (gallery.Files.Single(), File.ReadAllBytes(gallery.Files.Single()));
        gallery.Reopen();
        await gallery.CheckAsync();
        Assert.Equal(file, Assert.Single(gallery.Files));
        Assert.Equal(bytes, File.ReadAllBytes(file));
        gallery.Store.Dispose();
        File.Delete(file);
        gallery.Reopen();
        await gallery.CheckAsync();
        Assert.NotEqual(file, Assert.Single(gallery.Files));
    }

    /// <summary>The database is restored from a backup and then changed in another way. The packed files are those of later
    /// states.</summary>
    [Fact]
    public async Task ADatabaseFromABackup_NeverUsesTheFileOfAnotherHistory()
    {
        using var gallery = new Gallery(Gallery.BlockRows + 10);
        await gallery.CheckAsync();
        gallery.Store.Dispose();
        var backup = File.ReadAllBytes(gallery.Path);
        var before = gallery.Expected.ToArray();

        gallery.Reopen();
        gallery.Upsert(Enumerable.Range(200_000, Gallery.BlockRows), RowKind.Plain, seed: 4);
        gallery.Reopen();
        await gallery.CheckAsync();
        gallery.Store.Dispose();
        var later = File.ReadAllBytes(gallery.Path);

        File.WriteAllBytes(gallery.Path, backup);
        gallery.Expected.Clear();
        foreach (var (key, vector) in before) gallery.Expected[key] = vector;
        gallery.Reopen();
        gallery.Upsert(Enumerable.Range(300_000, Gallery.BlockRows), RowKind.Rectified, seed: 5);
        gallery.Reopen();
        await gallery.CheckAsync();
        gallery.Store.Dispose();

        // And back again: the file has the other history's second block.
        File.WriteAllBytes(gallery.Path, later);
        gallery.Expected.Clear();
        foreach (var (key, vector) in before) gallery.Expected[key] = vector;
        foreach (var (key, vector) in DrawnRows.Of(RowKind.Plain, Gallery.BlockRows, Gallery.Width, 4).Index())
            gallery.Expected[200_000 + key] = vector;
        gallery.Reopen();
        await gallery.CheckAsync();
    }

    [Fact]
    public async Task IfMostRowsWereRemoved_TheFileIsWrittenAnew()
    {
        using var gallery = new Gallery(2 * Gallery.BlockRows);
        await gallery.CheckAsync();
        var file = gallery.Files.Single();
        gallery.Delete(Enumerable.Range(0, Gallery.BlockRows + 2000));
        await gallery.CheckAsync();
        Assert.DoesNotContain(file, gallery.Files);
        await gallery.Records.EnsureCollectionDeletedAsync();
        Assert.Empty(gallery.Files);
    }

    /// <summary>The few records of a collection are written again and again. They are too few for a packed file.</summary>
    [Fact]
    public async Task RecordsThatAreWrittenAgainAndAgain_StayExact()
    {
        using var gallery = new Gallery(1500);
        using var other = new SqliteVectorStore(gallery.Path);
        for (var round = 0; round < 14; round++)
        {
            gallery.Upsert(Enumerable.Range(0, 1500), RowKind.Plain, seed: 10 + round);
            await gallery.CheckAsync(queries: 1);
            if (round % 5 == 4) await gallery.CheckAsync(other.GetCollection<int, Shelved>("records"), queries: 1);
        }
        gallery.Reopen();
        await gallery.CheckAsync();
    }

    /// <summary>Bytes are changed, cut off, inserted and swapped. METRICLEARNING_DAMAGES=10000 runs the whole trial.</summary>
    [Fact]
    public async Task ADamagedFile_IsNoticed_AndNeverGivesAWrongAnswer()
    {
        var damages = int.Parse(Environment.GetEnvironmentVariable("METRICLEARNING_DAMAGES") ?? "48", CultureInfo.InvariantCulture);
        using var gallery = new Gallery(2 * Gallery.BlockRows + 50, RowKind.NearTwins);
        await gallery.CheckAsync();
        var random = new Random(1);
        var (vector, noticed, changed) = (DrawnRows.Of(RowKind.Plain, 1, Gallery.Width, 100)[0], 0, 0);
        var expected = PlainSearch.Nearest(SearchMetric.Cosine, vector, gallery.Expected.Select(row => (row.Key, row.Value)), 12);
        var blocks = (int)new FileInfo(gallery.Files.Single()).Length;
        for (var damage = 0; damage < damages; damage++)
        {
            gallery.Store.Dispose();
            var file = gallery.Files.Single();
            var whole = File.ReadAllBytes(file);
            var damaged = Damaged([.. whole], damage, random);
            // Bytes behind the last block change nothing. All other changes must be detected.
            if (damaged.Length < blocks || !damaged.AsSpan(0, blocks).SequenceEqual(whole.AsSpan(0, blocks))) changed++;
            File.WriteAllBytes(file, damaged);
            gallery.Reopen();
            var found = await gallery.Records.SearchAsync(vector, 12).ToListAsync(TestContext.Current.CancellationToken);
            Assert.Equal(expected, found.Select(hit => (hit.Record.Id, hit.Score!.Value)));
            if (gallery.Files.Single() != file) noticed++;
            Assert.Equal(changed, noticed);
        }
        Assert.InRange(changed, 3 * damages / 4, damages);      // every eighth damage appends bytes, and a few hit those alone
        TestContext.Current.TestOutputHelper!.WriteLine($"{changed} of {damages} damages changed the file, and all were noticed");
    }

    private static byte[] Damaged(byte[] bytes, int damage, Random random)
    {
        var at = random.Next(bytes.Length);
        switch (damage % 8)
        {
            case 0: return [.. bytes, .. new byte[1 + random.Next(5000)]];
            case 1: bytes[at] ^= (byte)(1 << random.Next(8)); return bytes;
            case 2: return bytes[..at];
            case 3: return [.. bytes[..at], .. bytes[(at + 1)..]];
            case 4: bytes[at] ^= (byte)(1 + random.Next(255)); return [.. bytes[..at], (byte)random.Next(256), .. bytes[at..]];
            case 5:
                var length = Math.Min(bytes.Length - at, 1 + random.Next(70_000));
                foreach (ref var value in bytes.AsSpan(at, length)) value = (byte)~value;
                return bytes;
            case 6: return [];
            default:        // the blocks change places
                var middle = bytes.Length / 2;
                return [.. bytes[middle..], .. bytes[..middle]];
        }
    }

    /// <summary>Threads search while another one writes. Each search sees the records of one moment.</summary>
    [Fact]
    public async Task SearchesAtOnceWithWriters_SeeOneMoment()
    {
        using var gallery = new Gallery(Gallery.BlockRows + 100);
        using var other = new SqliteVectorStore(gallery.Path);
        var records = other.GetCollection<int, Shelved>("records");
        var vector = new float[Gallery.Width];
        vector[0] = 1;
        // Each call moves all ten records, so their scores are equal at each moment.
        async Task MoveAsync(int step)
        {
            var moved = vector.ToArray();
            moved[1] = step * 0.001f;
            await gallery.Records.UpsertAsync(Enumerable.Range(900_000, 10).Select(id => new Shelved { Id = id, Vector = moved }));
        }
        await MoveAsync(0);
        using var stop = new CancellationTokenSource();
        var searches = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            var count = 0;
            do
            {
                var found = await records.SearchAsync(vector, 10).ToListAsync();
                Assert.Equal(Enumerable.Range(900_000, 10), found.Select(hit => hit.Record.Id));
                Assert.Single(found.Select(hit => hit.Score).Distinct());
                count++;
            }
            while (!stop.IsCancellationRequested);
            return count;
        })).ToArray();
        for (var step = 1; step <= 60; step++)
        {
            await MoveAsync(step);
            if (step % 20 == 0) gallery.Upsert(Enumerable.Range(step * 1000, 100), RowKind.Plain, step);
        }
        await stop.CancelAsync();
        Assert.All(await Task.WhenAll(searches), count => Assert.True(count > 0));
        Assert.Single(gallery.Files);
    }
}
