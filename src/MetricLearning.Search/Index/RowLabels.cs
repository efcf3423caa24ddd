namespace MetricLearning.Search;

/// <summary>The identity, the camera and the tags of a row, as far as they are known.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public sealed record RowLabels
{
    /// <summary>Labels of a row of which nothing is known.</summary>
    public static RowLabels None { get; } = new();

    /// <summary>The identity that the row shows, any 64-bit number. Default: null, not known.</summary>
    public long? Identity { get; init; }

    /// <summary>The camera that took the picture, any 64-bit number. Default: null, not known.</summary>
    public long? Camera { get; init; }

    /// <summary>Words that filters can select, such as a category. Default: none.</summary>
    /// <exception cref="ArgumentNullException">The list, or a word, is null.</exception>
    public IReadOnlyList<string> Tags
    {
        get;
        init => field = [.. Guard.NotNull(value).Select(tag => Guard.NotNull(tag, nameof(Tags)))];
    } = [];

    /// <summary>Whether the row has a tag; tags are compared ordinally.</summary>
    /// <param name="tag">The tag.</param>
    public bool HasTag(string tag) => Tags.Contains(tag, StringComparer.Ordinal);

    /// <inheritdoc/>
    public bool Equals(RowLabels? other) =>
        other is not null && (Identity, Camera) == (other.Identity, other.Camera) && Tags.SequenceEqual(other.Tags, StringComparer.Ordinal);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Identity, Camera, Tags.Count);
}
