using System.Runtime.InteropServices;

namespace MetricLearning.Vision;

/// <summary>One image of a dataset: a file, or anything else that <see cref="Open"/> opens.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once. <see cref="Open"/> must allow concurrent calls
/// too.</remarks>
/// <param name="Path">The path of the image's file; if the image is not a file, the name that messages use. Not null and not empty. The
/// file need not exist yet.</param>
/// <param name="Identity">The person or thing that the image shows, −1 or greater. In re-identification 0 marks a distractor, which matches
/// no query, and −1 marks junk, which the protocol ignores.</param>
/// <param name="Camera">The camera that took the image, as the dataset numbers its cameras, 0 or greater; 0 if it has none.</param>
/// <param name="Track">The track (one passage in front of a camera) that the image belongs to, numbered from 1; 0 if tracks are not known.
/// Default: 0.</param>
/// <exception cref="ArgumentException"><paramref name="Path"/> is null or empty, or a number is below its minimum.</exception>
public sealed record ImageSample(string Path, long Identity, long Camera, long Track = 0)
{
    /// <summary>The path of the image's file, or the name of an image that is not a file.</summary>
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

    /// <summary>Opens the encoded image; null if the image is the file at <see cref="Path"/>. A loader calls it on its own threads each
    /// time that it decodes the image, and disposes the stream. Default: null.</summary>
    public Func<Stream>? Open { get; init; }

    /// <summary>Makes a sample of an encoded image that is in memory.</summary>
    /// <param name="name">The name of the image in messages; not null and not empty.</param>
    /// <param name="image">The bytes of the file: JPEG, PNG or any other format that <see cref="ImageDecoder"/> decodes. They are not
    /// copied.</param>
    /// <param name="identity">The person or thing that the image shows, −1 or greater. Default: 0.</param>
    /// <param name="camera">The camera, 0 or greater. Default: 0.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> is null or empty, or a number is below its minimum.</exception>
    public static ImageSample FromBytes(string name, ReadOnlyMemory<byte> image, long identity = 0, long camera = 0)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new(name, Guard.AtLeast(identity, LeastIdentity), Guard.AtLeast(camera, 0))
        {
            Open = () => MemoryMarshal.TryGetArray(image, out var part)
                ? new MemoryStream(part.Array!, part.Offset, part.Count, writable: false)
                : new MemoryStream(image.ToArray(), writable: false),
        };
    }

    /// <summary>Decodes the image.</summary>
    /// <exception cref="IOException">It cannot be read; the message has the path.</exception>
    /// <exception cref="InvalidDataException">It cannot be decoded; the message has the path.</exception>
    internal void DecodeInto(Picture picture)
    {
        if (Open is null)
        {
            ImageDecoder.Decode(Path, picture);
            return;
        }
        try
        {
            using var stream = Open()
                ?? throw new InvalidOperationException($"{MessageText.Message(Path)}: {nameof(Open)} returned null instead of a stream.");
            ImageDecoder.Decode(stream, picture, Path, namesSetting: true);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException
            && !e.Message.StartsWith(MessageText.Message(Path), StringComparison.Ordinal))
        {
            var message = $"{MessageText.Message(Path)}: {MessageText.Message(e.Message)}";
            throw e is InvalidDataException ? new InvalidDataException(message, e) : new IOException(message, e);
        }
    }

    /// <summary>The smallest identity, which marks junk.</summary>
    internal const long LeastIdentity = -1;

    private static string NotEmpty(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path, nameof(Path));
        return path;
    }
}
