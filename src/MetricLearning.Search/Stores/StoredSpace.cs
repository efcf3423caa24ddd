using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>What a stored collection and a program know of the embedding space of its vectors.</summary>
internal static class StoredSpace
{
    /// <summary>What both know together, as JSON; empty where neither knows anything.</summary>
    /// <param name="own">What the program knows; null for nothing.</param>
    /// <param name="stored">What the collection knows, as JSON; empty for nothing.</param>
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
