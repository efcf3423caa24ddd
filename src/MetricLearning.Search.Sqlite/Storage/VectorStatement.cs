using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace MetricLearning.Search;

/// <summary>Reads vectors by the ids of their rows. A search reads hundreds of them, so the statement is used without a command, which
/// would make a dozen objects for each.</summary>
/// <remarks>Thread safety: one thread may call it at a time.</remarks>
internal sealed class VectorStatement : IDisposable
{
    private readonly sqlite3 connection;
    private readonly sqlite3_stmt statement;

    /// <param name="opened">The connection. The statement sees what its transaction sees.</param>
    /// <param name="sql">Selects one vector. Its parameter is the id.</param>
    public VectorStatement(SqliteConnection opened, string sql)
    {
        connection = opened.Handle!;
        Check(raw.sqlite3_prepare_v2(connection, sql, out statement));
    }

    /// <summary>Copies the vector of a row.</summary>
    /// <param name="id">The id of the row.</param>
    /// <param name="vector">Receives its bytes.</param>
    /// <returns>Whether there is such a row and its vector has this length.</returns>
    public bool Read(long id, Span<byte> vector)
    {
        Check(raw.sqlite3_bind_int64(statement, 1, id));
        try
        {
            var state = raw.sqlite3_step(statement);
            if (state == raw.SQLITE_DONE) return false;
            if (state != raw.SQLITE_ROW) Check(state);
            var stored = raw.sqlite3_column_blob(statement, 0);
            if (stored.Length != vector.Length) return false;
            stored.CopyTo(vector);
            return true;
        }
        finally
        {
            // The reset returns an error of the step once more. That error has been thrown already.
            raw.sqlite3_reset(statement);
        }
    }

    public void Dispose() => statement.Dispose();

    private void Check(int state) => SqliteException.ThrowExceptionForRC(state, connection);
}
