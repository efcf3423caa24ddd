namespace MetricLearning.Vision;

/// <summary>A decoded picture, and the memory that one worker uses again for picture after picture.</summary>
/// <remarks>Not thread-safe.</remarks>
public sealed class Picture
{
    /// <summary>Bytes a pixel: red, green, blue, and one without meaning.</summary>
    public const int BytesPerPixel = 4;

    private byte[] current = [], spare = [];

    /// <summary>The width in pixels.</summary>
    public int Width { get; private set; }

    /// <summary>The height in pixels.</summary>
    public int Height { get; private set; }

    /// <summary>The pixels row by row from the top left, <see cref="BytesPerPixel"/> bytes each: red, green, blue, and one without
    /// meaning.</summary>
    public Span<byte> Pixels => current.AsSpan(0, Width * Height * BytesPerPixel);

    /// <summary>Decodes a file: see <see cref="PictureDecoder"/>.</summary>
    /// <inheritdoc cref="PictureDecoder.Decode" path="/exception"/>
    public static Picture Load(string path)
    {
        var picture = new Picture();
        PictureDecoder.Decode(path, picture);
        return picture;
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

    /// <summary>Gives the picture a new size and new pixels, to be written by the caller; what they hold before is undefined.</summary>
    /// <param name="width">The new width.</param>
    /// <param name="height">The new height.</param>
    /// <param name="old">The pixels as they were; valid until the next call.</param>
    public Span<byte> Replace(int width, int height, out ReadOnlySpan<byte> old)
    {
        old = Pixels;
        (current, spare) = (spare, current);
        (Width, Height) = (Guard.AtLeast(width, 1), Guard.AtLeast(height, 1));
        var bytes = checked(width * height * BytesPerPixel);
        if (current.Length < bytes) current = GC.AllocateUninitializedArray<byte>(bytes);
        return Pixels;
    }
}
