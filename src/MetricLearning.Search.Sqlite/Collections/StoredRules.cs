namespace MetricLearning.Search;

/// <summary>Decides which rows of a state a search may return.</summary>
/// <param name="id">The id of a row.</param>
/// <param name="reader">Reads records.</param>
/// <param name="kept">The only rows that may be returned, ascending; null for all.</param>
internal sealed class StoredRules<TKey, TRecord>(Func<int, long> id, RowReader<TKey, TRecord> reader, int[]? kept)
    : RowRules where TKey : notnull where TRecord : class
{
    public override int[]? Rows => kept;

    public override int Compare(int first, int second) =>
        KeyOrder<TKey>.Default!.Compare(reader.Record(id(first)).Key, reader.Record(id(second)).Key);
}
