using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;

namespace MetricLearning.Search;

/// <summary>The file that a store has opened. It knows whether the path still leads to this file.</summary>
/// <remarks>
/// <para>A connection stays open as long as the store, because SQLite compares the path with the file that this connection holds. Other
/// connections may have been opened later, and would hold the new file. Windows does not let anybody delete a file that is open.
/// SQLite does not compare a file that it opens as one that nobody changes.</para>
/// <para>Thread safety: any number of threads may call it at once.</para>
/// </remarks>
internal sealed partial class OpenedFile : IDisposable
{
    /// <summary>The library of the functions of this class.</summary>
    private const string Library = "e_sqlite3";

    /// <summary>SQLITE_FCNTL_HAS_MOVED.</summary>
    private const int HasMoved = 20;

    private readonly object gate = new();
    private readonly SqliteConnection opened;
    private bool isDisposed;

    /// <param name="opened">An open connection, which this object disposes.</param>
    public OpenedFile(SqliteConnection opened) => this.opened = opened;

    /// <summary>Whether the file was deleted or replaced. False if this build of SQLite cannot tell.</summary>
    public bool IsGone()
    {
        // The handle of another build of SQLite would have another layout.
        if (SQLitePCL.raw.GetNativeLibraryName() != Library) return false;
        lock (gate)
        {
            var gone = 0;
            return !isDisposed && FileControl(opened.Handle!.DangerousGetHandle(), 0, HasMoved, ref gone) == SQLitePCL.raw.SQLITE_OK
                && gone != 0;
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            isDisposed = true;
            opened.Dispose();
        }
    }

    [LibraryImport(Library, EntryPoint = "sqlite3_file_control")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    private static partial int FileControl(nint connection, nint database, int operation, ref int value);
}
