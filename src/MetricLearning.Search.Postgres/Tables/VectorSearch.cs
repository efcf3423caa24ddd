using System.Linq.Expressions;
using Npgsql;

namespace MetricLearning.Search;

/// <summary>A record that was found, with its exact score.</summary>
internal readonly record struct Scored<TKey, TRecord>(TKey Key, TRecord Record, double Score) where TKey : notnull;

/// <summary>Searches the table of a collection.</summary>
/// <remarks>
/// <para>Exact search: the server sorts rows by its own distances, whose error is bounded (<see cref="ServerBounds"/>), and returns a few
/// more rows than needed. Their exact scores are computed here. If a row that the server has not returned may still be among the nearest,
/// the search asks for twice as many.</para>
/// <para>Search by an index: the server returns the candidates that the index finds, and their exact scores are computed here.</para>
/// </remarks>
internal sealed class VectorSearch<TKey, TRecord>(RecordColumns<TKey, TRecord> columns, CollectionTable<TKey, TRecord> table, int vector)
    where TKey : notnull where TRecord : class
{
    private const int LargestIndexCandidates = 1000, Margin = 16;

    private readonly RowShape shape = columns.Shapes[vector];

    /// <summary>Finds the nearest records of each query.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="count">The number of records to return for each query.</param>
    /// <param name="filter">Which records may be found; null for all.</param>
    /// <param name="withVectors">Whether records have their vectors.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    public async Task<List<Scored<TKey, TRecord>>[]> ExactAsync(IReadOnlyList<ReadOnlyMemory<float>> queries, int count,
        Expression<Func<TRecord, bool>>? filter, bool withVectors, CancellationToken cancellationToken)
    {
        var found = new List<Scored<TKey, TRecord>>[queries.Count];
        int[] open = [.. Enumerable.Range(0, queries.Count)];
        for (var limit = (long)count + count / 4 + Margin; open.Length > 0; limit *= 2)
        {
            var most = (int)Math.Min(limit, int.MaxValue);
            var rows = await CandidatesAsync([.. open.Select(query => queries[query])], most, filter, withVectors,
                query => ServerBounds.Order(shape, columns.Vector(vector), "$1::real[]::vector", ExactScore.Norm(query.Span)), [],
                cancellationToken).ConfigureAwait(false);
            var unfinished = new List<int>();
            for (var i = 0; i < open.Length; i++)
            {
                found[open[i]] = Nearest(rows[i], count);
                if (rows[i].Count == most && found[open[i]][^1].Score <= ServerBounds.HighestScore(shape, rows[i][^1].Number))
                    unfinished.Add(open[i]);
            }
            open = [.. unfinished];
        }
        return found;
    }

    /// <summary>Finds the nearest records of each query among those that an HNSW index finds.</summary>
    /// <param name="queries">The queries.</param>
    /// <param name="count">The number of records to return for each query.</param>
    /// <param name="least">The smallest number of candidates.</param>
    /// <param name="filter">Which records may be found; null for all.</param>
    /// <param name="withVectors">Whether records have their vectors.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    public async Task<List<Scored<TKey, TRecord>>[]> ByIndexAsync(IReadOnlyList<ReadOnlyMemory<float>> queries, int count, int least,
        Expression<Func<TRecord, bool>>? filter, bool withVectors, CancellationToken cancellationToken)
    {
        var candidates = Math.Max(count, least);
        (string, string)[] settings =
        [
            ("hnsw.ef_search", FormattableString.Invariant($"{Math.Min(candidates, LargestIndexCandidates)}")),
            // If a filter drops candidates, or more are needed than one pass finds, the index continues.
            ("hnsw.iterative_scan", "relaxed_order"),
        ];
        var rows = await CandidatesAsync(queries, candidates, filter, withVectors,
            _ => $"{columns.Vector(vector)} {ServerBounds.Operator(shape.Metric)} $1::real[]::vector", settings, cancellationToken)
            .ConfigureAwait(false);
        return Array.ConvertAll(rows, list => Nearest(list, count));
    }

    private async Task<List<Candidate>[]> CandidatesAsync(IReadOnlyList<ReadOnlyMemory<float>> queries, int limit,
        Expression<Func<TRecord, bool>>? filter, bool withVectors, Func<ReadOnlyMemory<float>, string> order,
        IReadOnlyList<(string, string)> settings, CancellationToken cancellationToken)
    {
        var squares = queries.Select(query => ExactScore.Square(query.Span)).ToArray();
        var ordinals = columns.Ordinals(withVectors);
        var number = -1;
        var rows = await table.ReadAsync("search", Commands, settings, reader => new Row(columns.Read(reader, withVectors),
            reader.GetFieldValue<float[]>(ordinals), reader.GetDouble(ordinals + 1)), cancellationToken).ConfigureAwait(false);
        return Array.ConvertAll(rows, list =>
        {
            number++;
            return list.ConvertAll(row => new Candidate(row.Number, new Scored<TKey, TRecord>(columns.KeyOf(row.Record), row.Record,
                ExactScore.Of(shape.Metric, queries[number].Span, squares[number], row.Vector))));
        });

        IReadOnlyList<NpgsqlBatchCommand> Commands() => [.. queries.Select(query =>
        {
            var parameters = new List<NpgsqlParameter> { RecordColumns<TKey, TRecord>.VectorParameter(query) };
            var (column, ordered) = (columns.Vector(vector), order(query));
            var kept = filter is null ? "" : $" AND {SqlFilter<TKey, TRecord>.Of(columns.Model, filter, parameters)}";
            var command = new NpgsqlBatchCommand($"SELECT {columns.DataNames}{(withVectors ? columns.VectorList : "")}, {column}::real[], "
                + $"{ordered} FROM {table.Table} WHERE {column} IS NOT NULL{kept} ORDER BY {ordered} LIMIT {limit}");
            foreach (var parameter in parameters) command.Parameters.Add(parameter);
            return command;
        })];
    }

    private static List<Scored<TKey, TRecord>> Nearest(List<Candidate> candidates, int count)
    {
        var order = KeyOrder<TKey>.Default!;
        var scored = candidates.ConvertAll(candidate => candidate.Scored);
        scored.Sort((x, y) => x.Score == y.Score ? order.Compare(x.Key, y.Key) : y.Score.CompareTo(x.Score));
        return scored.Count <= count ? scored : scored[..count];
    }

    private readonly record struct Row(TRecord Record, float[] Vector, double Number);

    private readonly record struct Candidate(double Number, Scored<TKey, TRecord> Scored);
}
