using System.Globalization;

namespace MetricLearning.Vision;

/// <summary>How many pictures and identities a part of a published dataset has. Junk (−1) is not counted; distractors (0) count as
/// pictures only.</summary>
/// <param name="Images">The pictures.</param>
/// <param name="Identities">The identities.</param>
public readonly record struct PartCounts(int Images, int Identities)
{
    /// <summary>The counts of a list.</summary>
    public static PartCounts Of(ImageList list)
    {
        ArgumentNullException.ThrowIfNull(list);
        var statistics = list.Statistics;
        return new(statistics.Images - statistics.Junk, statistics.Identities);
    }

    /// <summary>As papers write it: <c>12,936 / 751</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Images:N0} / {Identities:N0}");
}
