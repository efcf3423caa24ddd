namespace MetricLearning;

/// <summary>The names of features, identities and cameras in a file. A <c>*</c> in a name stands for the set: <c>query</c> or <c>q</c>,
/// <c>gallery</c> or <c>g</c>, or any other name.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Features">The name of the features, such as <c>*_vectors</c>.</param>
/// <param name="Identities">The name of the identities, such as <c>*_person</c>.</param>
/// <param name="Cameras">The name of the cameras, which a file must then have; null if there are none.</param>
/// <exception cref="ArgumentException">A name is empty or has several <c>*</c>, or some have one and others none.</exception>
/// <exception cref="ArgumentNullException">Features or identities are null.</exception>
public sealed record FeatureNames(string Features, string Identities, string? Cameras = null)
{
    /// <summary>The place of the set's name.</summary>
    public const char Wildcard = '*';

    /// <summary>The name of the features.</summary>
    /// <exception cref="ArgumentException">The name is empty or has several <c>*</c>.</exception>
    public string Features { get; init => field = Checked(value, nameof(Features)); } = Checked(Features, nameof(Features));

    /// <summary>The name of the identities.</summary>
    /// <exception cref="ArgumentException">The name is empty or has several <c>*</c>.</exception>
    public string Identities { get; init => field = Checked(value, nameof(Identities)); } = Alike(Checked(Identities, nameof(Identities)),
        Features, nameof(Identities));

    /// <summary>The name of the cameras, which a file must then have; null if there are none.</summary>
    /// <exception cref="ArgumentException">The name is empty or has several <c>*</c>.</exception>
    public string? Cameras { get; init => field = value is null ? null : Checked(value, nameof(Cameras)); } =
        Cameras is null ? null : Alike(Checked(Cameras, nameof(Cameras)), Features, nameof(Cameras));

    /// <summary>Whether the names are those of several sets.</summary>
    internal bool NamesSets => Features.Contains(Wildcard, StringComparison.Ordinal);

    private static string Checked(string value, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(value, name);
        return value.Count(character => character == Wildcard) < 2 ? value
            : throw new ArgumentException($"{name} must have {Wildcard} once at most, got {value}.", name);
    }

    private static string Alike(string value, string features, string name) =>
        value.Contains(Wildcard, StringComparison.Ordinal) == features.Contains(Wildcard, StringComparison.Ordinal) ? value
            : throw new ArgumentException(
                $"{name} must have a {Wildcard} exactly if {nameof(Features)} has one, got {value} with {features}.", name);
}
