using System.Buffers;
using System.Runtime.InteropServices;
using MetricLearning.Vision;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace MetricLearning.Onnx.Runtime;

/// <summary>Turns decoded images into the input of a network: normalized numbers in float32 or float16, or pixels in bytes; as planes or
/// pixel by pixel.</summary>
internal sealed class ImageInput
{
    private const int LargestImage = 1 << 28;

    private readonly Resize resize;
    private readonly Normalize? normalize;
    private readonly bool isPlanar;

    /// <summary>Reads the type and the size of a network's input.</summary>
    /// <param name="name">The input's name.</param>
    /// <param name="input">The input's metadata.</param>
    /// <param name="space">How images are prepared.</param>
    /// <exception cref="InvalidDataException">The input is not an image, or it is not known how to prepare images.</exception>
    public ImageInput(string name, NodeMetadata input, EmbeddingSpace space)
    {
        Name = name;
        if (input is not
            {
                IsTensor: true, ElementDataType: TensorElementType.Float or TensorElementType.Float16 or TensorElementType.UInt8,
                Dimensions: [_, _, _, _] shape,
            })
            throw new InvalidDataException($"Its input '{name}' is {ImageNetwork.Describe(input)}, neither float, float16 nor uint8 with "
                + "four axes: [N, C, H, W] or [N, H, W, C].");
        Type = input.ElementDataType;
        var isPixels = Type == TensorElementType.UInt8;
        // Networks of PyTorch take [N, C, H, W]. Those of TensorFlow take [N, H, W, C], and so do most that take pixels.
        isPlanar = isPixels ? IsColor(shape[1]) && !IsColor(shape[3]) : IsColor(shape[1]) || !IsColor(shape[3]);
        var channels = isPlanar ? shape[1] : shape[3];
        if (channels > 0 && !IsColor(channels))
            throw new InvalidDataException($"Its input '{name}' is {ImageNetwork.Describe(input)}, but images have 3 or 1 channels: it "
                + "must be [N, C, H, W] or [N, H, W, C] with a C of 3 or 1.");
        FixedBatch = shape[0] > 0 ? shape[0] : null;
        var (height, width) = isPlanar ? (shape[2], shape[3]) : (shape[1], shape[2]);
        Height = Known("height", height, space.Height);
        Width = Known("width", width, space.Width);
        if (space.Interpolation is not (null or "bilinear"))
            throw new InvalidDataException($"Its images are resized with '{space.Interpolation}', but only 'bilinear' is supported.");
        resize = new Resize(Height, Width);
        if (!isPixels) normalize = Normalization(space);
        // A network that takes any number of channels gets those of the mean.
        Channels = channels > 0 ? channels : normalize?.Channels ?? 3;
        if ((normalize?.Channels ?? Channels) != Channels)
            throw new InvalidDataException($"It takes {Channels} channels, but images are prepared with {normalize!.Channels}.");
        var bytes = (long)Channels * Height * Width * (isPixels ? 1 : Type == TensorElementType.Float16 ? 2 : sizeof(float));
        ImageBytes = bytes <= LargestImage ? (int)bytes
            : throw new InvalidDataException(FormattableString.Invariant($"Its images have {bytes:N0} bytes, too many."));
    }

    public string Name { get; }

    public TensorElementType Type { get; }

    /// <summary>The number of images of each run, if the network fixes it; otherwise null.</summary>
    public int? FixedBatch { get; }

    public int Height { get; }

    public int Width { get; }

    public int Channels { get; }

    /// <summary>The bytes of one image.</summary>
    public int ImageBytes { get; }

    /// <summary>The shape of a batch.</summary>
    public long[] Shape(int batch) => isPlanar ? [batch, Channels, Height, Width] : [batch, Height, Width, Channels];

    /// <summary>Resizes a decoded image, which changes it, and writes it in the format of the input.</summary>
    public void Prepare(Picture picture, Span<byte> target)
    {
        resize.Apply(picture, new SeededRandom(0));
        if (normalize is null) WritePixels(picture, target);
        else if (isPlanar && Type == TensorElementType.Float) normalize.Apply(picture, MemoryMarshal.Cast<byte, float>(target));
        else WriteNumbers(picture, normalize, target);
    }

    private void WritePixels(Picture picture, Span<byte> target)
    {
        var pixels = picture.Pixels;
        var gray = MemoryMarshal.Cast<byte, uint>(pixels);
        for (var i = 0; i < Height * Width; i++)
            for (var channel = 0; channel < Channels; channel++)
                target[PlaceOf(i, channel)] = Channels == 1 ? PillowColor.Luma(gray[i]) : pixels[i * Picture.BytesPerPixel + channel];
    }

    /// <summary>Normalizes into planes, and writes them in another order or type.</summary>
    private void WriteNumbers(Picture picture, Normalize by, Span<byte> target)
    {
        var size = Height * Width;
        var planes = ArrayPool<float>.Shared.Rent(Channels * size);
        by.Apply(picture, planes.AsSpan(0, Channels * size));
        var halves = MemoryMarshal.Cast<byte, Half>(target);
        var singles = MemoryMarshal.Cast<byte, float>(target);
        for (var i = 0; i < size; i++)
            for (var channel = 0; channel < Channels; channel++)
                if (Type == TensorElementType.Float16) halves[PlaceOf(i, channel)] = (Half)planes[channel * size + i];
                else singles[PlaceOf(i, channel)] = planes[channel * size + i];
        ArrayPool<float>.Shared.Return(planes);
    }

    /// <summary>The place of a pixel's channel.</summary>
    private int PlaceOf(int pixel, int channel) => isPlanar ? channel * Height * Width + pixel : pixel * Channels + channel;

    private static bool IsColor(long channels) => channels is 1 or 3;

    private static Normalize Normalization(EmbeddingSpace space)
    {
        if (space is not { Mean: { } mean, Deviation: { } deviation })
            throw new InvalidDataException("It does not give the mean and deviation of images; set them in the settings' Space.");
        return mean.Count is 1 or 3 && deviation.Count == mean.Count ? new Normalize(mean, deviation)
            : throw new InvalidDataException("The Mean and the Deviation of its embedding space must both have three numbers (red, green, "
                + $"blue) or one (gray), got {mean.Count} and {deviation.Count}.");
    }

    private static int Known(string what, int size, int? given) =>
        size > 0 && given is { } asked && asked != size
            ? throw new InvalidDataException($"Its {what} of images is {size}, but its embedding space says {asked}.")
            : size > 0 ? size : given
                ?? throw new InvalidDataException($"It takes images of any {what}; set one in the settings' Space.");
}
