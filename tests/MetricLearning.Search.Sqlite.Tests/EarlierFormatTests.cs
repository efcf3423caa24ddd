using Microsoft.Data.Sqlite;

namespace MetricLearning.Search.Tests;

/// <summary>Tests files of format 2, which builds before the canaries wrote. Such a file becomes one of format 3 when it is opened, and
/// keeps its records.</summary>
public sealed class EarlierFormatTests : IDisposable
{
    private const int Rows = Gallery.BlockRows + 300;

    /// <summary>All tables of a file of format 2 with one collection of one vector property, as SQLite lists them.</summary>
    private static readonly string[] format2 =
    [
        "CREATE TABLE blocks (file INTEGER NOT NULL, number INTEGER NOT NULL, last INTEGER NOT NULL, checksum INTEGER NOT NULL, "
            + "PRIMARY KEY (file, number)) WITHOUT ROWID",
        "CREATE TABLE collections (name TEXT PRIMARY KEY, id INTEGER NOT NULL UNIQUE, schema TEXT NOT NULL, space TEXT NOT NULL, "
            + "changes INTEGER NOT NULL)",
        "CREATE TABLE numbers (last INTEGER NOT NULL)",
        "CREATE TABLE packed (collection INTEGER NOT NULL, vector INTEGER NOT NULL, file INTEGER NOT NULL, removal INTEGER NOT NULL, "
            + "rows INTEGER NOT NULL, center BLOB NOT NULL, PRIMARY KEY (collection, vector)) WITHOUT ROWID",
        "CREATE TABLE records_1 (id INTEGER PRIMARY KEY AUTOINCREMENT, key NOT NULL UNIQUE, data BLOB NOT NULL, vector_0 BLOB)",
        "CREATE TABLE removed_1 (number INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL)",
    ];

    private readonly Gallery gallery = new(Rows);

    public void Dispose() => gallery.Dispose();

    [Fact]
    public async Task AFileOfFormat2_KeepsItsRecords_AndTakesCanaries()
    {
        await MakeFormat2Async();
        gallery.Reopen();
        Assert.Equal(3L, Scalar("PRAGMA user_version"));
        // The packed block of the earlier build has no stored values, so filters read its records.
        Assert.Equal(0L, Scalar("SELECT count(*) FROM packed_values"));
        await gallery.CheckAsync();
        await gallery.CheckAsync(group: 7);
        Assert.Equal(Rows, (await gallery.Records.GetAsync(_ => true, int.MaxValue).ToListAsync()).Count);
        Assert.Null(await gallery.Records.GetCanariesAsync());
        var canaries = await FakeModel.CanariesAsync(slant: 0);
        using (var store = new SqliteVectorStore(gallery.Path) { Canaries = canaries })
        {
            var records = store.GetCollection<int, Shelved>("records");
            await gallery.CheckAsync(records);
            await records.EnsureCollectionExistsAsync();
            Assert.Equal(canaries.ToJson(), (await records.GetCanariesAsync())!.ToJson());
        }
        // A new block with stored values follows the block without them.
        gallery.Delete(Enumerable.Range(100, 50));
        gallery.Upsert(Enumerable.Range(Rows - 200, Gallery.BlockRows), RowKind.Rectified, seed: 2);
        gallery.Reopen();
        await gallery.CheckAsync(group: 7);
        Assert.True((long)Scalar("SELECT count(*) FROM packed_values")! > 0);
        await gallery.CheckAsync(group: 7);
        await gallery.Records.EnsureCollectionDeletedAsync();
        Assert.Equal(0L, Scalar("SELECT count(*) FROM canaries"));
    }

    /// <summary>A file that is read-only does not change, and the message says what to do.</summary>
    [Fact]
    public async Task AFileOfFormat2ThatIsReadOnly_IsRefusedByName()
    {
        await MakeFormat2Async();
        gallery.Store.Dispose();
        var mount = $"mount --bind {gallery.Path} {gallery.Path}; mount -o remount,ro,bind {gallery.Path}";
        await Shell.SkipUnlessItMountsAsync(mount);
        var said = Path.Combine(Path.GetDirectoryName(gallery.Path)!, "said.txt");
        await Shell.PassesAsync($"{mount}; {Shell.Indexer($"open {gallery.Path}")} > {said}", "unshare", "-rm", "sh", "-ec");
        Assert.StartsWith($"{gallery.Path} has the format 2 of an earlier build, and this program cannot write to it. Open it once",
            await File.ReadAllTextAsync(said, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(2L, Scalar("PRAGMA user_version"));
        gallery.Reopen();
        await gallery.CheckAsync(queries: 1);
    }

    /// <summary>Makes the file what an earlier build wrote: the same rows, packed, without the tables of format 3.</summary>
    private async Task MakeFormat2Async()
    {
        await gallery.CheckAsync(queries: 1);
        Assert.Single(gallery.Files);
        Assert.True((long)Scalar("SELECT count(*) FROM blocks")! > 0);
        gallery.Store.Dispose();
        Scalar("DROP TABLE packed_values; DROP TABLE canaries; PRAGMA user_version = 2");
        Assert.Equal(string.Join('\n', format2), Scalar("SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_master "
            + "WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name)"));
    }

    private object? Scalar(string sql)
    {
        using var opened = new SqliteConnection($"Data Source={gallery.Path};Pooling=False");
        opened.Open();
        using var command = opened.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
