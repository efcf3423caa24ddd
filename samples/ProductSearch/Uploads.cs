using MetricLearning.Vision;

namespace ProductSearch;

/// <summary>Limits for pictures from outside, and how they are read.</summary>
internal static class Uploads
{
    /// <summary>The most bytes of a file.</summary>
    public const int MaxBytes = 20 << 20;

    /// <summary>The most pixels of a picture; each takes 4 bytes in memory.</summary>
    public const int MaxPixels = 32_000_000;

    /// <summary>How many pictures are decoded at once, and how many more may wait.</summary>
    public const int AtOnce = 4, Waiting = 64;

    /// <summary>A client that sends fewer bytes a second than this is dropped, after some patience: it holds a place that others wait
    /// for.</summary>
    public const double LeastBytesPerSecond = 8192;

    /// <summary>How long a client may send less at the beginning.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Reads the picture that a request carries as its body.</summary>
    /// <exception cref="InvalidDataException">It is no picture that can be decoded, or it is too large.</exception>
    public static async Task<Picture> Read(HttpRequest request, CancellationToken cancellationToken) =>
        await Picture.LoadAsync(request.Body, MaxPixels, MaxBytes, "the upload", cancellationToken);
}
