using System.Globalization;

namespace MetricLearning.Vision;

/// <summary>One decoded image in memory. One object can hold one image after another and reuse its memory.</summary>
/// <remarks>Thread safety: one thread at a time.</remarks>
public sealed class Picture
{
    /// <summary>Bytes per pixel: red, green, blue, and one unused byte.</summary>
    public const int BytesPerPixel = 4;

    /// <summary>The largest number of pixels that an array of bytes can hold.</summary>
    internal const int MostPixels = int.MaxValue / BytesPerPixel;

    private byte[] current = [], spare = [];

    /// <summary>The largest number of pixels of an image; a larger image is refused. A file of 50 bytes may declare billions of pixels.
    /// Default: <see cref="ImageDecoder.DefaultMaxPixels"/>, 67,108,864. Each takes <see cref="BytesPerPixel"/> bytes. Images of more than
    /// 536,870,911 pixels are never decoded.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int MaxPixels { get; init => field = Guard.AtLeast(value, 1); } = ImageDecoder.DefaultMaxPixels;

    /// <summary>The largest number of bytes of a file or stream; a longer one is refused, and its rest is not read. Default:
    /// <see cref="ImageDecoder.DefaultMaxBytes"/>, 536,870,912.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int MaxBytes { get; init => field = Guard.AtLeast(value, 1); } = ImageDecoder.DefaultMaxBytes;

    /// <summary>The width in pixels.</summary>
    public int Width { get; private set; }

    /// <summary>The height in pixels.</summary>
    public int Height { get; private set; }

    /// <summary>The pixels row by row from the top left, <see cref="BytesPerPixel"/> bytes each: red, green, blue, and one unused
    /// byte.</summary>
    public Span<byte> Pixels => current.AsSpan(0, Width * Height * BytesPerPixel);

    /// <summary>Decodes a file: see <see cref="ImageDecoder"/>.</summary>
    /// <param name="path">The path of the file.</param>
    /// <param name="maxPixels">See <see cref="MaxPixels"/>. Default: <see cref="ImageDecoder.DefaultMaxPixels"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxPixels"/> is less than 1.</exception>
    /// <inheritdoc cref="ImageDecoder.Decode(string, Picture)" path="/exception"/>
    public static Picture Load(string path, int maxPixels = ImageDecoder.DefaultMaxPixels)
    {
        var picture = Within(maxPixels);
        ImageDecoder.Decode(path, picture);
        return picture;
    }

    /// <summary>Decodes an image that is in memory, such as an upload.</summary>
    /// <param name="image">The bytes of the file.</param>
    /// <param name="maxPixels">See <see cref="MaxPixels"/>. Default: <see cref="ImageDecoder.DefaultMaxPixels"/>.</param>
    /// <param name="name">The name of the image in messages; null for "The image".</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxPixels"/> is less than 1.</exception>
    /// <inheritdoc cref="ImageDecoder.Decode(ReadOnlySpan{byte}, Picture, string?)" path="/exception"/>
    public static Picture Load(ReadOnlySpan<byte> image, int maxPixels = ImageDecoder.DefaultMaxPixels, string? name = null)
    {
        var picture = Within(maxPixels);
        ImageDecoder.Decode(image, picture, name);
        return picture;
    }

    /// <summary>Decodes the rest of a stream, such as an entry of a zip file. The stream stays open.</summary>
    /// <param name="image">The bytes of the file.</param>
    /// <param name="maxPixels">See <see cref="MaxPixels"/>. Default: <see cref="ImageDecoder.DefaultMaxPixels"/>.</param>
    /// <param name="maxBytes">See <see cref="MaxBytes"/>. Default: <see cref="ImageDecoder.DefaultMaxBytes"/>.</param>
    /// <param name="name">The name of the image in messages; null for "The image".</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxPixels"/> or <paramref name="maxBytes"/> is less than
    /// 1.</exception>
    /// <inheritdoc cref="ImageDecoder.Decode(Stream, Picture, string?)" path="/exception"/>
    public static Picture Load(Stream image, int maxPixels = ImageDecoder.DefaultMaxPixels, int maxBytes = ImageDecoder.DefaultMaxBytes,
        string? name = null)
    {
        var picture = Within(maxPixels, maxBytes);
        ImageDecoder.Decode(image, picture, name);
        return picture;
    }

    /// <summary>Decodes the rest of a stream without blocking a thread while it reads, for example the body of a web request. The stream
    /// stays open.</summary>
    /// <param name="image">The bytes of the file.</param>
    /// <param name="maxPixels">See <see cref="MaxPixels"/>. Default: <see cref="ImageDecoder.DefaultMaxPixels"/>.</param>
    /// <param name="maxBytes">See <see cref="MaxBytes"/>. Default: <see cref="ImageDecoder.DefaultMaxBytes"/>.</param>
    /// <param name="name">The name of the image in messages; null for "The image".</param>
    /// <param name="cancellationToken">Cancels the call with an <see cref="OperationCanceledException"/>.</param>
    /// <inheritdoc cref="Load(Stream, int, int, string?)" path="/exception"/>
    public static async Task<Picture> LoadAsync(Stream image, int maxPixels = ImageDecoder.DefaultMaxPixels,
        int maxBytes = ImageDecoder.DefaultMaxBytes, string? name = null, CancellationToken cancellationToken = default)
    {
        var picture = Within(maxPixels, maxBytes);
        await ImageDecoder.DecodeAsync(image, picture, name, cancellationToken).ConfigureAwait(false);
        return picture;
    }

    /// <summary>Makes an empty picture with these limits. An error names the parameter of the caller.</summary>
    private static Picture Within(int maxPixels, int maxBytes = ImageDecoder.DefaultMaxBytes) =>
        new() { MaxPixels = Guard.AtLeast(maxPixels, 1), MaxBytes = Guard.AtLeast(maxBytes, 1) };

    /// <summary>Makes a picture of pixels that are already decoded; they are copied.</summary>
    /// <param name="rgb">Red, green and blue of each pixel, row by row from the top left: 3 · <paramref name="width"/> ·
    /// <paramref name="height"/> bytes.</param>
    /// <param name="width">The width, 1 or more.</param>
    /// <param name="height">The height, 1 or more.</param>
    /// <exception cref="ArgumentException"><paramref name="rgb"/> has another number of bytes.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A side is less than 1.</exception>
    /// <exception cref="OverflowException">The pixels would take more than 2³¹ − 1 bytes.</exception>
    public static Picture FromRgb(ReadOnlySpan<byte> rgb, int width, int height)
    {
        Guard.AtLeast(width, 1);
        Guard.AtLeast(height, 1);
        if (rgb.Length != 3L * width * height)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"rgb must have {3L * width * height} bytes, three for each of {width}x{height} pixels, got {rgb.Length}."), nameof(rgb));
        var picture = new Picture();
        var pixels = picture.Replace(width, height, out _);
        for (int from = 0, to = 0; from < rgb.Length; from += 3, to += BytesPerPixel) rgb.Slice(from, 3).CopyTo(pixels[to..]);
        return picture;
    }

    /// <summary>Makes a copy with its own memory and the same limits.</summary>
    internal Picture Clone()
    {
        var copy = new Picture { MaxPixels = MaxPixels, MaxBytes = MaxBytes };
        Pixels.CopyTo(copy.Replace(Width, Height, out _));
        return copy;
    }

    /// <summary>Copies the pixels plane by plane: red, green, blue, each row by row.</summary>
    internal void CopyPlanes(Span<byte> planes)
    {
        var pixels = Pixels;
        var count = Width * Height;
        for (var channel = 0; channel < 3; channel++)
        {
            var plane = planes.Slice(channel * count, count);
            for (var i = 0; i < plane.Length; i++) plane[i] = pixels[i * BytesPerPixel + channel];
        }
    }

    /// <summary>Gives the image a new size. The new pixels are undefined until the caller writes them.</summary>
    /// <param name="width">The new width, 1 or more.</param>
    /// <param name="height">The new height, 1 or more.</param>
    /// <param name="old">The pixels before the call; valid until the next call.</param>
    /// <returns>The new pixels.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A side is less than 1.</exception>
    /// <exception cref="OverflowException">The pixels would take more than 2³¹ − 1 bytes.</exception>
    public Span<byte> Replace(int width, int height, out ReadOnlySpan<byte> old)
    {
        Guard.AtLeast(width, 1);
        Guard.AtLeast(height, 1);
        if ((long)width * height > MostPixels)
            throw new OverflowException(string.Create(CultureInfo.InvariantCulture,
                $"An image of {width}x{height} pixels would take more than {int.MaxValue:N0} bytes."));
        var bytes = width * height * BytesPerPixel;
        if (spare.Length < bytes) spare = GC.AllocateUninitializedArray<byte>(bytes);
        old = Pixels;
        (current, spare) = (spare, current);
        (Width, Height) = (width, height);
        return Pixels;
    }

    /// <summary>Remembers the image, for <see cref="PutBack"/>.</summary>
    internal Held Hold() => new(current, Width, Height);

    /// <summary>Undoes at most one <see cref="Replace"/>.</summary>
    internal void PutBack(Held held)
    {
        if (!ReferenceEquals(current, held.Pixels)) (current, spare) = (spare, current);
        (Width, Height) = (held.Width, held.Height);
    }

    /// <summary>An image that a <see cref="Picture"/> has.</summary>
    internal readonly record struct Held(byte[] Pixels, int Width, int Height);
}
