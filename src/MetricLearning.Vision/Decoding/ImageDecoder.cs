using System.Globalization;
using System.Runtime.InteropServices;
using SkiaSharp;

namespace MetricLearning.Vision;

/// <summary>Decodes JPEG, PNG, WebP, BMP and GIF (the first frame) through Skia, and portable anymaps (PBM, PGM, PPM, plain and binary), to
/// 8-bit RGB.</summary>
/// <remarks>
/// Gray, palette and CMYK images become RGB. If a channel has 16 bits, the upper 8 are kept. Transparent pixels are composited over white.
/// EXIF orientation is applied in JPEG, PNG and WebP. Color profiles are not applied: the values are those in the file, as in Pillow.
/// A file that ends early is an error. A truncated JPEG that ends with an end marker decodes with its missing part gray, as in Pillow,
/// because nothing in it shows that data is missing. Other formats (TIFF, HEIF, AVIF, JPEG XL, …) are refused with an error that names the
/// format. If a file is larger than a limit allows, the error names the setting of the limit. The error of bytes and of a stream does not,
/// because a service may hand it to the client that sent them. If an image cannot be decoded, the <see cref="Picture"/> keeps the image
/// that it had. Thread safety: any number of threads may decode at once, each into its own <see cref="Picture"/>.
/// </remarks>
public static class ImageDecoder
{
    /// <summary>The default of <see cref="Picture.MaxPixels"/>: 67,108,864 pixels, which take 256 MiB.</summary>
    public const int DefaultMaxPixels = 1 << 26;

    /// <summary>The default of <see cref="Picture.MaxBytes"/>: 536,870,912, eight bytes for each pixel of
    /// <see cref="DefaultMaxPixels"/>.</summary>
    public const int DefaultMaxBytes = 1 << 29;

    /// <summary>The name in messages of an image that has no name.</summary>
    private const string Nameless = "The image";

    /// <summary>Decodes a file.</summary>
    /// <remarks>A file of length 0 is refused without being opened. Named pipes and devices have length 0 too: reading them could block
    /// forever.</remarks>
    /// <param name="path">The path of the file.</param>
    /// <param name="picture">Receives the image.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is empty, is not an image, or is broken or truncated. Or it has more bytes than
    /// <see cref="Picture.MaxBytes"/>, or its image has more pixels than <see cref="Picture.MaxPixels"/>. The message has the
    /// path.</exception>
    /// <exception cref="IOException">The file could not be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The program has no permission to read the file.</exception>
    public static void Decode(string path, Picture picture)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(picture);
        InputFile.RefuseFolder(path);
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: there is no such file.", path);
        var length = LengthOf(path);
        if (length > picture.MaxBytes) throw Fault(path, BoundedBytes.TooMany(picture.MaxBytes).Told(namesSetting: true));
        Decode(length == 0 ? [] : InputFile.Naming(path, () => File.ReadAllBytes(path)), picture, path, namesSetting: true);
    }

    /// <summary>Decodes an image that is in memory, such as an upload.</summary>
    /// <param name="image">The bytes of the file.</param>
    /// <param name="picture">Receives the image.</param>
    /// <param name="name">The name of the image in messages; null for "The image".</param>
    /// <exception cref="ArgumentNullException"><paramref name="picture"/> is null.</exception>
    /// <exception cref="InvalidDataException">The bytes are not an image, or they are broken or truncated. Or they are more than
    /// <see cref="Picture.MaxBytes"/>, or the image has more pixels than <see cref="Picture.MaxPixels"/>. The message has the
    /// name.</exception>
    public static void Decode(ReadOnlySpan<byte> image, Picture picture, string? name = null) =>
        Decode(image, picture, name, namesSetting: false);

    /// <summary>Decodes the rest of a stream, such as an upload or an entry of a zip file.</summary>
    /// <remarks>At most <see cref="Picture.MaxBytes"/> + 1 bytes are read. The stream stays open.</remarks>
    /// <param name="image">The bytes of the file.</param>
    /// <param name="picture">Receives the image.</param>
    /// <param name="name">The name of the image in messages; null for "The image".</param>
    /// <exception cref="ArgumentException"><paramref name="image"/> cannot be read.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="image"/> or <paramref name="picture"/> is null.</exception>
    /// <exception cref="IOException">The stream could not be read.</exception>
    /// <inheritdoc cref="Decode(ReadOnlySpan{byte}, Picture, string?)" path="/exception[contains(@cref, 'InvalidData')]"/>
    public static void Decode(Stream image, Picture picture, string? name = null) => Decode(image, picture, name, namesSetting: false);

    /// <summary>Decodes the rest of a stream without blocking a thread while it reads, for example the body of a web request.</summary>
    /// <remarks>At most <see cref="Picture.MaxBytes"/> + 1 bytes are read. The stream stays open. The image is decoded on the thread that
    /// reads the last bytes.</remarks>
    /// <param name="image">The bytes of the file.</param>
    /// <param name="picture">Receives the image.</param>
    /// <param name="name">The name of the image in messages; null for "The image".</param>
    /// <param name="cancellationToken">Cancels the call with an <see cref="OperationCanceledException"/>.</param>
    /// <inheritdoc cref="Decode(Stream, Picture, string?)" path="/exception"/>
    public static async Task DecodeAsync(Stream image, Picture picture, string? name = null, CancellationToken cancellationToken = default)
    {
        Check(image, picture);
        var bytes = await ReadAsync(image, picture.MaxBytes, name, cancellationToken).ConfigureAwait(false);
        Decode(bytes.All, picture, name);
    }

    /// <summary>Reads the rest of a stream. An error that the bytes are too many or damaged has the name.</summary>
    internal static async Task<BoundedBytes> ReadAsync(Stream image, int maxBytes, string? name, CancellationToken cancellationToken)
    {
        BoundedBytes bytes;
        try
        {
            bytes = await BoundedBytes.ReadAsync(image, maxBytes, cancellationToken).ConfigureAwait(false);
        }
        catch (InvalidDataException e)
        {
            throw Fault(name, e.Message.TrimEnd('.'), e);
        }
        return bytes.IsWhole ? bytes : throw Fault(name, BoundedBytes.TooMany(maxBytes).What);
    }

    /// <summary>Decodes the rest of a stream.</summary>
    /// <param name="image">The bytes of the file.</param>
    /// <param name="picture">Receives the image.</param>
    /// <param name="name">The name of the image in messages; null for "The image".</param>
    /// <param name="namesSetting">Whether the error of an image that is too large names the setting of the limit.</param>
    internal static void Decode(Stream image, Picture picture, string? name, bool namesSetting)
    {
        Check(image, picture);
        BoundedBytes bytes;
        try
        {
            bytes = BoundedBytes.Read(image, picture.MaxBytes);
        }
        catch (InvalidDataException e)
        {
            throw Fault(name, e.Message.TrimEnd('.'), e);
        }
        if (!bytes.IsWhole) throw Fault(name, BoundedBytes.TooMany(picture.MaxBytes).Told(namesSetting));
        Decode(bytes.All, picture, name, namesSetting);
    }

    private static void Decode(ReadOnlySpan<byte> image, Picture picture, string? name, bool namesSetting)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var held = picture.Hold();
        try
        {
            if (FaultOf(image, picture) is { } fault) throw Fault(name, fault.Told(namesSetting));
        }
        catch
        {
            picture.PutBack(held);
            throw;
        }
    }

    /// <summary>Decodes an image. Returns what is wrong with it, and null if nothing is.</summary>
    private static ImageFault? FaultOf(ReadOnlySpan<byte> image, Picture picture) =>
        image.IsEmpty ? "the file is empty"
        : image.Length > picture.MaxBytes ? BoundedBytes.TooMany(picture.MaxBytes)
        : PortableAnymap.Is(image) ? PortableAnymap.Decode(image, picture)
        : ForeignImage.NameOf(image) is { } foreign
            ? $"it is {(foreign[0] == 'A' ? "an" : "a")} {foreign} file, a format that is not supported; save it as PNG or JPEG"
        : DecodeBySkia(image, picture);

    private static void Check(Stream image, Picture picture)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(picture);
        if (!image.CanRead) throw new ArgumentException("image must be a readable stream, but its CanRead is false.", nameof(image));
    }

    private static InvalidDataException Fault(string? name, string what, Exception? inner = null) =>
        new($"{MessageText.Message(name ?? Nameless)}: {MessageText.Message(what)}.", inner);

    /// <summary>The length of a file, or of the file that a symbolic link leads to, found without opening it.</summary>
    private static long LengthOf(string path)
    {
        var file = new FileInfo(path);
        if (file.ResolveLinkTarget(returnFinalTarget: true) is not FileInfo target) return file.Length;
        return target.Exists ? target.Length
            : throw new FileNotFoundException($"{path}: it is a link to {target.FullName}, and there is no such file.", path);
    }

    /// <summary>Checks a size before memory is allocated for it. Returns what is wrong; null if nothing is.</summary>
    internal static ImageFault? FaultOfSize(long width, long height, Picture picture) =>
        width < 1 || height < 1 ? $"a size of {width}x{height} is not valid"
        : width * height > Math.Min(picture.MaxPixels, Picture.MostPixels) ? new ImageFault(string.Create(CultureInfo.InvariantCulture,
            $"{width}x{height} is more than the {picture.MaxPixels:N0} pixels allowed"), nameof(Picture.MaxPixels)) : null;

    private static unsafe ImageFault? DecodeBySkia(ReadOnlySpan<byte> bytes, Picture picture)
    {
        fixed (byte* first = bytes)
        {
            using var data = SKData.Create((nint)first, bytes.Length);
            return DecodeBySkia(data, (SKEncodedOrigin)ExifOrientation.Of(bytes), picture);
        }
    }

    private static unsafe ImageFault? DecodeBySkia(SKData data, SKEncodedOrigin origin, Picture picture)
    {
        using var codec = SKCodec.Create(data);
        if (codec is null) return "it is not an image of a supported format, or its header is broken";
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if (FaultOfSize(width, height, picture) is { } fault) return fault;
        var opaque = codec.Info.AlphaType == SKAlphaType.Opaque;
        // Without a color space Skia converts no colors.
        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul, null);
        var pixels = picture.Replace(width, height, out _);
        SKCodecResult result;
        fixed (byte* target = pixels) result = codec.GetPixels(info, (nint)target);
        if (result != SKCodecResult.Success)
            return result == SKCodecResult.IncompleteInput ? "the file ends before the image does" : $"it could not be decoded ({result})";
        if (!opaque) CompositeOverWhite(pixels);
        Turn(picture, origin);
        return null;
    }

    private static void CompositeOverWhite(Span<byte> pixels)
    {
        for (var i = 0; i < pixels.Length; i += Picture.BytesPerPixel)
        {
            int alpha = pixels[i + 3];
            if (alpha == 255) continue;
            for (var channel = i; channel < i + 3; channel++)
                pixels[channel] = (byte)((pixels[channel] * alpha + 255 * (255 - alpha) + 127) / 255);
        }
    }

    private static void Turn(Picture picture, SKEncodedOrigin origin)
    {
        if (origin is SKEncodedOrigin.TopLeft or SKEncodedOrigin.Default) return;
        var (width, height) = (picture.Width, picture.Height);
        var transpose = origin >= SKEncodedOrigin.LeftTop;
        var flipX = origin is SKEncodedOrigin.TopRight or SKEncodedOrigin.BottomRight
            or SKEncodedOrigin.RightBottom or SKEncodedOrigin.LeftBottom;
        var flipY = origin is SKEncodedOrigin.BottomRight or SKEncodedOrigin.BottomLeft
            or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom;
        var target = MemoryMarshal.Cast<byte, uint>(
            transpose ? picture.Replace(height, width, out var old) : picture.Replace(width, height, out old));
        var source = MemoryMarshal.Cast<byte, uint>(old);
        for (var y = 0; y < picture.Height; y++)
            for (var x = 0; x < picture.Width; x++)
            {
                var (column, row) = transpose ? (y, x) : (x, y);
                target[y * picture.Width + x] = source[(flipY ? height - 1 - row : row) * width + (flipX ? width - 1 - column : column)];
            }
    }
}
