namespace MetricLearning.Search;

/// <summary>What is known of a row beside its vector.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public sealed record RowLabels
{
    /// <summary>Nothing is known.</summary>
    public static RowLabels None { get; } = new();

    /// <summary>Who or what the row shows, any 64-bit number. Default: null, not known.</summary>
    public long? Identity { get; init; }

    /// <summary>The camera that took the picture, any 64-bit number. Default: null, not known.</summary>
    public long? Camera { get; init; }

    /// <summary>Words that filters look for, such as a category. Default: none.</summary>
    /// <exception cref="ArgumentNullException">The list, or a word, is null.</exception>
    public IReadOnlyList<string> Tags
    {
        get;
        init => field = [.. Guard.NotNull(value).Select(tag => Guard.NotNull(tag, nameof(Tags)))];
    } = [];

    /// <summary>Whether one of the tags is this one, letter by letter.</summary>
    /// <param name="tag">The tag.</param>
    public bool HasTag(string tag) => Tags.Contains(tag, StringComparer.Ordinal);

    /// <inheritdoc/>
    public bool Equals(RowLabels? other) =>
        other is not null && (Identity, Camera) == (other.Identity, other.Camera) && Tags.SequenceEqual(other.Tags, StringComparer.Ordinal);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Identity, Camera, Tags.Count);
}
