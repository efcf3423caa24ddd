namespace MetricLearning.Vision;

/// <summary>One image of a dataset.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Path">The path of the image's file; not null and not empty. The file need not exist yet.</param>
/// <param name="Identity">The person or thing that the image shows, −1 or greater. In re-identification 0 is a distractor and −1 is
/// junk.</param>
/// <param name="Camera">The camera that took the image, as the dataset numbers its cameras, 0 or greater; 0 if it has none.</param>
/// <param name="Track">The track (one passage in front of a camera) that the image belongs to, numbered from 1; 0 if tracks are not
/// known.</param>
/// <exception cref="ArgumentException"><paramref name="Path"/> is null or empty, or a number is less than its least value.</exception>
public sealed record ImageSample(string Path, long Identity, long Camera, long Track = 0)
{
    /// <summary>The path of the image's file.</summary>
    /// <exception cref="ArgumentException">The path is null or empty.</exception>
    public string Path { get; init => field = NotEmpty(value); } = NotEmpty(Path);

    /// <summary>The person or thing that the image shows, −1 or greater.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than −1.</exception>
    public long Identity { get; init => field = Guard.AtLeast(value, LeastIdentity); } = Guard.AtLeast(Identity, LeastIdentity);

    /// <summary>The camera that took the image; 0 if the dataset has none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public long Camera { get; init => field = Guard.AtLeast(value, 0); } = Guard.AtLeast(Camera, 0);

    /// <summary>The track that the image belongs to; 0 if tracks are not known.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public long Track { get; init => field = Guard.AtLeast(value, 0); } = Guard.AtLeast(Track, 0);

    /// <summary>The least identity: junk.</summary>
    internal const long LeastIdentity = -1;

    private static string NotEmpty(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path, nameof(Path));
        return path;
    }
}
