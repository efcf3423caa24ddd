using System.Globalization;
using Microsoft.Data.Sqlite;

namespace MetricLearning.Search;

/// <summary>Names and writes the packed files of a database. A writer of such a file holds the write lock of the database.</summary>
/// <param name="database">The database.</param>
internal sealed class PackedFiles(Database database)
{
    /// <summary>The number of blocks that are written in one transaction. It is small, so that other writers wait only briefly.</summary>
    private const int BlocksAtOnce = 8;

    private const int SampledRows = 4096;

    /// <summary>The path of a file.</summary>
    public string PathOf(VectorRows rows, long file) =>
        string.Create(CultureInfo.InvariantCulture, $"{database.Path}.rows-{rows.Collection}-{rows.Vector}-{file:x16}");

    /// <summary>Packs rows after the last block into new blocks. Rows that do not fill a whole block stay unpacked.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="shape">The layout of rows in memory.</param>
    /// <returns>Whether there may be more rows to pack.</returns>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public bool Pack(VectorRows rows, RowShape shape) => Change(rows, opened =>
    {
        var entry = PackedEntry.Find(opened, rows.Collection, rows.Vector);
        var values = new BlockValues();
        var block = rows.Behind(opened, entry.Last, shape.ChunkRows, values);
        if (block.Count < shape.ChunkRows) return false;
        var center = entry.Blocks.Count > 0 ? new Center(entry.Center, entry.Rows) : Begun(opened, rows, shape, entry.File);
        using var stream = new FileStream(PathOf(rows, entry.File), FileMode.OpenOrCreate, FileAccess.Write,
            FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        var end = (long)entry.Blocks.Count * PackedBlock.Bytes(shape);
        stream.Position = end;
        try
        {
            var bytes = new byte[PackedBlock.Bytes(shape)];
            for (var written = 0; ; block = rows.Behind(opened, block[^1].Id, shape.ChunkRows, values = new BlockValues()))
            {
                if (block.Count < shape.ChunkRows) return false;
                if (written == BlocksAtOnce) return true;
                var noted = PackedBlock.Write(shape, center, block, bytes);
                stream.Write(bytes);
                ValueEntry.Add(opened, entry.File, entry.Blocks.Count + written, values);
                PackedEntry.Add(opened, entry.File, entry.Blocks.Count + written++, noted);
            }
        }
        catch
        {
            // On a full disk, half a block must not take the room that others need. Nobody has mapped what is cut off.
            stream.SetLength(end);
            throw;
        }
    });

    /// <summary>Begins a new file under another name, without blocks, and deletes old files.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="file">The number of the file that cannot be used. Nothing happens if another file has already replaced it.</param>
    public void Renew(VectorRows rows, long file)
    {
        var now = Change(rows, opened =>
        {
            if (PackedEntry.Find(opened, rows.Collection, rows.Vector).File == file)
            {
                PackedEntry.Begin(opened, rows.Collection, rows.Vector);
                rows.ForgetRemoved(opened);
            }
            return PackedEntry.Find(opened, rows.Collection, rows.Vector).File;
        });
        DeleteOthers($"rows-{rows.Collection}-{rows.Vector}-", PathOf(rows, now));
    }

    /// <summary>Deletes the files of a collection.</summary>
    public void Delete(long collection) => DeleteOthers($"rows-{collection}-", kept: null);

    private static Center Begun(SqliteConnection opened, VectorRows rows, RowShape shape, long file)
    {
        var sample = rows.Sample(opened, SampledRows);
        var chunks = new VectorChunk[shape.Chunks(sample.Count)];
        for (var i = 0; i < chunks.Length; i++) chunks[i] = new VectorChunk(shape);
        for (var i = 0; i < sample.Count; i++)
            chunks[i >> shape.ChunkShift].Write(i & (shape.ChunkRows - 1), sample[i].Vector.Span);
        var center = new Center(Center.Of(shape, chunks, sample.Count).Values, rows.Count(opened));
        PackedEntry.SetCenter(opened, file, center);
        return center;
    }

    private void DeleteOthers(string beginning, string? kept)
    {
        // The name of the database may have characters that a search pattern reads as wildcards.
        foreach (var path in Directory.EnumerateFiles(Path.GetDirectoryName(database.Path)!))
            try
            {
                if (path != kept && path.StartsWith($"{database.Path}.{beginning}", StringComparison.Ordinal)) File.Delete(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Windows does not delete a file that another process has mapped. A later call deletes it.
            }
    }

    /// <summary>Changes the database in one transaction, unless the collection was deleted.</summary>
    private T? Change<T>(VectorRows rows, Func<SqliteConnection, T> act) => database.Use("pack", opened =>
    {
        using var transaction = opened.BeginTransaction(deferred: false);
        if ((long)Database.Scalar(opened, "SELECT count(*) FROM collections WHERE id = $0", rows.Collection)! == 0) return default;
        var result = act(opened);
        transaction.Commit();
        return result;
    });
}
