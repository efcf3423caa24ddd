using MetricLearning.Vision;

namespace ProductSearch;

/// <summary>Reads uploaded pictures within limits.</summary>
internal static class Uploads
{
    /// <summary>The most bytes of a file.</summary>
    public const int MaxBytes = 20 << 20;

    /// <summary>The most pixels of a picture; each takes 4 bytes in memory.</summary>
    public const int MaxPixels = 32_000_000;

    /// <summary>The number of pictures that are decoded at once, and the number that may wait.</summary>
    public const int AtOnce = 4, Waiting = 64;

    /// <summary>The least number of bytes per second. A client that sends fewer is dropped after a grace period, because others wait for
    /// its place.</summary>
    public const double LeastBytesPerSecond = 8192;

    /// <summary>The grace period in which a client may send less.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Reads the picture in the body of a request.</summary>
    /// <exception cref="InvalidDataException">It is not a picture that can be decoded, or it is too large.</exception>
    public static async Task<Picture> Read(HttpRequest request, CancellationToken cancellationToken) =>
        await Picture.LoadAsync(request.Body, MaxPixels, MaxBytes, "The upload", cancellationToken);
}
