using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>The parts of records that are about to be written.</summary>
/// <param name="Records">The parts, one for each key.</param>
/// <param name="Key">The key property.</param>
/// <param name="Made">The keys that the store made, by the records that had none.</param>
internal sealed record RecordParts<TKey, TRecord>(IReadOnlyList<StoredRecord<TKey, TRecord>> Records, KeyPropertyModel Key,
    IReadOnlyDictionary<TRecord, TKey> Made) where TKey : notnull where TRecord : class
{
    /// <summary>Sets the keys that the store made. Called after the records are written, so that a call that fails leaves the caller's
    /// records as they were.</summary>
    public void GiveKeys()
    {
        foreach (var (record, key) in Made) Key.SetValueAsObject(record, key);
    }
}
