using System.Collections;

namespace MetricLearning;

/// <summary>The sets of features of a file, such as queries and gallery.</summary>
/// <remarks>It owns them. Thread safety: immutable; any number of threads may use it at once, until one of them disposes it.</remarks>
public sealed class FeatureParts : IReadOnlyList<FeaturePart>, IDisposable
{
    private readonly FeaturePart[] parts;

    internal FeatureParts(IEnumerable<FeaturePart> parts, IReadOnlyList<string> unread) =>
        (this.parts, Unread) = ([.. parts], unread);

    /// <summary>The names of the file's other arrays that may be features of a set whose name is not known: matrices as wide as the
    /// features of the first set, and arrays that cannot be read, such as Python objects.</summary>
    public IReadOnlyList<string> Unread { get; }

    /// <summary>The number of sets, at least one.</summary>
    public int Count => parts.Length;

    /// <summary>The set at a position: queries first, then the gallery, then others in ordinal order of their names.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such position.</exception>
    public FeaturePart this[int index] => parts[Guard.Index(index, parts.Length)];

    /// <summary>The set of a name.</summary>
    /// <exception cref="KeyNotFoundException">There is no such set; the message lists the names.</exception>
    public FeaturePart this[string name] => Find(name) ?? throw new KeyNotFoundException($"There is no set '{name}' of features"
        + (parts is [{ Name: "" }] ? ": the file has one set without a name, as every .npy file has. Take it by its position, [0]. "
            + $"If queries and gallery are in two files, read each by {nameof(FeatureReader)}.{nameof(FeatureReader.ReadPart)}."
            : $", only {string.Join(", ", parts.Select(part => $"'{MessageText.Excerpt(part.Name)}'"))}."));

    /// <summary>The set of a name; null if there is none.</summary>
    public FeaturePart? Find(string name) => Array.Find(parts, part => part.Name == name);

    /// <inheritdoc/>
    public IEnumerator<FeaturePart> GetEnumerator() => ((IEnumerable<FeaturePart>)parts).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Frees the features of all sets.</summary>
    public void Dispose()
    {
        foreach (var part in parts) part.Dispose();
    }
}
