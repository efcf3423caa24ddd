using System.Globalization;

namespace MetricLearning.Vision;

/// <summary>The number of images and identities in one part of a published dataset. Junk (−1) is not counted; distractors (0) count as
/// images only.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Images">The number of images.</param>
/// <param name="Identities">The number of identities.</param>
public readonly record struct PartCounts(int Images, int Identities)
{
    /// <summary>Counts the images and identities of a list.</summary>
    /// <exception cref="ArgumentNullException"><paramref name="list"/> is null.</exception>
    public static PartCounts Of(ImageList list)
    {
        ArgumentNullException.ThrowIfNull(list);
        var statistics = list.Statistics;
        return new(statistics.Images - statistics.Junk, statistics.Identities);
    }

    /// <summary>The counts as papers write them: <c>12,936 / 751</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Images:N0} / {Identities:N0}");
}
