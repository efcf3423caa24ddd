using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>Compares the embedding space of a stored collection with that of a program.</summary>
internal static class StoredSpace
{
    /// <summary>Combines both spaces, as JSON; empty if neither is known.</summary>
    /// <param name="own">The space that the program knows; null for none.</param>
    /// <param name="stored">The space that the collection knows, as JSON; empty for none.</param>
    /// <param name="name">The name of the collection.</param>
    /// <exception cref="VectorStoreException">The two contradict each other.</exception>
    public static string Agreed(EmbeddingSpace? own, string stored, string name)
    {
        if (own is null) return stored;
        if (stored.Length == 0) return own.ToJson();
        var there = EmbeddingSpace.Parse(stored);
        return own.Conflicts(there, "in this program", "in the collection") is not { } conflicts ? own.Agree(there).ToJson()
            : throw new VectorStoreException($"The collection '{name}' has vectors of another embedding space: {conflicts}. "
                + "Embed the records again under another name.") { CollectionName = name };
    }
}
