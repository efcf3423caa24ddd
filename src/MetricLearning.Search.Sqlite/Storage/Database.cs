using Microsoft.Data.Sqlite;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>One SQLite file. Its errors become a <see cref="VectorStoreException"/> that names the file.</summary>
/// <remarks>The file is in WAL mode, so all processes can read while one writes. Every commit is flushed to the disk.</remarks>
internal sealed class Database
{
    /// <summary>The name of the kind of store in metadata.</summary>
    public const string SystemName = "metriclearning.sqlite";

    private const int Format = 3, FirstFormat = 2;

    /// <summary>The error of SQLite for a file that the program may not write to.</summary>
    private const int ReadOnly = 8;

    /// <summary>The error of SQLite for a file, or one that it needs beside it, that cannot be opened.</summary>
    private const int CannotOpen = 14;

    /// <summary>The bytes of a page. Several vectors of common widths fit into one.</summary>
    private const int PageBytes = 16384;

    /// <summary>Tells our files from those of other programs that use SQLite: "MLS1".</summary>
    private const long ApplicationId = 0x4D4C5331;

    private readonly string connection;
    private readonly OpenedFile file;
    private bool isClosed;

    /// <param name="path">The file; it is created if it does not exist.</param>
    public Database(string path)
    {
        Path = System.IO.Path.GetFullPath(path);
        connection = Connection(Path);
        if (CannotWrite()) connection = Connection(Unchanging(Path), SqliteOpenMode.ReadOnly);
        file = Try("open", () =>
        {
            var opened = Connected();
            try
            {
                Check(opened);
                return new OpenedFile(opened);
            }
            catch
            {
                opened.Dispose();
                throw;
            }
        });
    }

    /// <summary>Refuses a file that is not such a store, and makes what a new or an older one lacks.</summary>
    private void Check(SqliteConnection opened)
    {
        if ((long)Scalar(opened, "PRAGMA application_id")! != ApplicationId
            && (long)Scalar(opened, "SELECT count(*) FROM sqlite_master")! > 0)
            throw new VectorStoreException($"{Path} is a database of another program; choose another path.");
        var version = (long)Scalar(opened, "PRAGMA user_version")!;
        if (version is > 0 and < FirstFormat)
            throw new VectorStoreException($"{Path} has the format {version}, which was never published; index the "
                + "records again.");
        if (version > Format)
            throw new VectorStoreException($"{Path} has the format {version}, which is newer than this program's {Format}; use a "
                + "newer version of MetricLearning.Search.Sqlite.");
        // A file that has everything is not written to: it can be opened and read on a full disk.
        if (version == Format) return;
        try
        {
            Upgrade(opened, version);
        }
        catch (SqliteException e) when (version > 0 && e.SqliteErrorCode == ReadOnly)
        {
            throw new VectorStoreException($"{Path} has the format {version} of an earlier build, and this program cannot write to it. "
                + $"Open it once where the file and its folder are writable; this makes the format {Format} of it and keeps all "
                + "records.", e) { VectorStoreSystemName = SystemName, OperationName = "open" };
        }
    }

    private static string Connection(string source, SqliteOpenMode mode = SqliteOpenMode.ReadWriteCreate) =>
        new SqliteConnectionStringBuilder { DataSource = source, DefaultTimeout = 60, Mode = mode }.ToString();

    /// <summary>The name by which SQLite reads a file that nobody changes. It then needs no file next to it, so the folder need not be
    /// writable.</summary>
    private static string Unchanging(string path) => new Uri(path).AbsoluteUri + "?immutable=1";

    /// <summary>Whether SQLite cannot open the file because the folder cannot be written to, and the file alone has all records: no log
    /// lies next to it.</summary>
    private bool CannotWrite()
    {
        if (!File.Exists(Path) || new FileInfo(Path + "-wal") is { Exists: true, Length: > 0 }) return false;
        try
        {
            using var opened = Connected();
            Scalar(opened, "PRAGMA user_version");
            return false;
        }
        catch (SqliteException e)
        {
            return e.SqliteErrorCode is ReadOnly or CannotOpen;
        }
    }

    /// <summary>Runs an action with a connection.</summary>
    /// <param name="operation">The name of the operation in messages.</param>
    /// <param name="act">The action.</param>
    public T Use<T>(string operation, Func<SqliteConnection, T> act) => Try(operation, () =>
    {
        using var opened = Open();
        return act(opened);
    });

    /// <summary>Opens a connection.</summary>
    /// <exception cref="ObjectDisposedException">The store is disposed.</exception>
    /// <exception cref="VectorStoreException">The file was deleted or replaced.</exception>
    public SqliteConnection Open()
    {
        if (Volatile.Read(ref isClosed)) throw new ObjectDisposedException(Path, $"The store of {Path} is disposed.");
        return !file.IsGone() ? Connected() : throw new VectorStoreException($"{Path} was deleted or replaced while this store had it "
            + "open, so nothing can be read or written. Dispose the store, and open the file again.")
        {
            VectorStoreSystemName = SystemName,
        };
    }

    private SqliteConnection Connected()
    {
        var opened = new SqliteConnection(connection);
        try
        {
            opened.Open();
            Execute(opened, "PRAGMA synchronous = FULL");
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Runs an action and turns its SQLite errors into a <see cref="VectorStoreException"/>.</summary>
    /// <param name="operation">The name of the operation in messages.</param>
    /// <param name="act">The action.</param>
    public T Try<T>(string operation, Func<T> act)
    {
        try
        {
            return act();
        }
        catch (SqliteException e)
        {
            throw new VectorStoreException($"{Path}: {e.Message} {Advice(e.SqliteErrorCode, Path)}".TrimEnd(), e)
            {
                VectorStoreSystemName = SystemName,
                OperationName = operation,
            };
        }
    }

    /// <summary>The full path of the file.</summary>
    public string Path { get; }

    /// <summary>Closes all idle connections of this process to the file. No further one can be opened.</summary>
    public void Close()
    {
        Volatile.Write(ref isClosed, true);
        file.Dispose();
        using var pooled = new SqliteConnection(connection);
        SqliteConnection.ClearPool(pooled);
    }

    /// <summary>Makes a command with parameters $0, $1, ...</summary>
    public static SqliteCommand Command(SqliteConnection opened, string text, params object?[] values)
    {
        var command = opened.CreateCommand();
        command.CommandText = text;
        for (var i = 0; i < values.Length; i++) command.Parameters.AddWithValue($"${i}", values[i] ?? DBNull.Value);
        return command;
    }

    /// <summary>Runs a command.</summary>
    public static int Execute(SqliteConnection opened, string text, params object?[] values)
    {
        using var command = Command(opened, text, values);
        return command.ExecuteNonQuery();
    }

    /// <summary>Runs a command and gives its first value.</summary>
    public static object? Scalar(SqliteConnection opened, string text, params object?[] values)
    {
        using var command = Command(opened, text, values);
        return command.ExecuteScalar();
    }

    /// <summary>Makes the tables that a file lacks, in one transaction.</summary>
    /// <param name="opened">The connection.</param>
    /// <param name="version">The format of the file; 0 if it is new.</param>
    private static void Upgrade(SqliteConnection opened, long version)
    {
        if (version == 0) Execute(opened, $"PRAGMA page_size = {PageBytes}");
        Execute(opened, "PRAGMA journal_mode = WAL");
        using var transaction = opened.BeginTransaction(deferred: false);
        Execute(opened, "CREATE TABLE IF NOT EXISTS collections (name TEXT PRIMARY KEY, id INTEGER NOT NULL UNIQUE, "
            + "schema TEXT NOT NULL, space TEXT NOT NULL, changes INTEGER NOT NULL)");
        Execute(opened, "CREATE TABLE IF NOT EXISTS numbers (last INTEGER NOT NULL)");
        PackedEntry.CreateTables(opened);
        ValueEntry.CreateTable(opened);
        CanaryEntry.CreateTable(opened);
        Execute(opened, $"PRAGMA application_id = {ApplicationId}");
        Execute(opened, $"PRAGMA user_version = {Format}");
        transaction.Commit();
    }

    private static string Advice(int code, string path) => code switch
    {
        5 or 6 => "Another process has been writing for a minute; try again.",
        ReadOnly => "Make the file and its folder writable.",
        11 => "The file is damaged; restore it from a backup.",
        10 => "Make room on the disk, raise the limits of the user, or check that the disk is healthy; nothing of this call was written.",
        13 => "Make room on the disk; nothing of this call was written.",
        CannotOpen when Directory.Exists(path) => "This is a folder, but a file was expected.",
        CannotOpen => "The folder must exist and be writable.",
        26 => "This file is not a SQLite database; choose another path.",
        _ => "",
    };
}
