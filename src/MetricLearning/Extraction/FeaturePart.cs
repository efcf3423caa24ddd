namespace MetricLearning;

/// <summary>One set of features of a file, such as its queries.</summary>
/// <remarks>It owns <see cref="Set"/>. Thread safety: immutable; any number of threads may use it at once, until one of them disposes
/// it.</remarks>
public sealed class FeaturePart : IDisposable
{
    internal FeaturePart(string name, EmbeddingSet set, IReadOnlyList<string>? files, IReadOnlyDictionary<long, string>? identityNames,
        IReadOnlyList<string> notes) => (Name, Set, Files, IdentityNames, Notes) = (name, set, files, identityNames, notes);

    /// <summary>The name of the set in the file: <c>query</c>, <c>gallery</c>; empty if the file has one set without a name.</summary>
    public string Name { get; }

    /// <summary>The features with their identities and cameras, and the embedding space if the file records it.</summary>
    public EmbeddingSet Set { get; }

    /// <summary>The image of each row; null if the file does not name them.</summary>
    public IReadOnlyList<string>? Files { get; }

    /// <summary>The names of the identities by their numbers; null if the file has numbers.</summary>
    public IReadOnlyDictionary<long, string>? IdentityNames { get; }

    /// <summary>Descriptions of the parts of the file that could not be used. Figures do not need them.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Frees the features.</summary>
    public void Dispose() => Set.Dispose();
}
