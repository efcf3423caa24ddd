using System.Runtime.InteropServices;
using MetricLearning.Vision;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace MetricLearning.Onnx.Runtime;

/// <summary>Turns decoded images into the input of a network: normalized planes in float32, or pixels in bytes.</summary>
internal sealed class ImageInput
{
    private const int LargestImage = 1 << 28;

    private readonly Resize resize;
    private readonly Normalize? normalize;

    /// <summary>Reads the type and the size of a network's input.</summary>
    /// <param name="name">The input's name.</param>
    /// <param name="input">The input's metadata.</param>
    /// <param name="space">How images are prepared.</param>
    /// <exception cref="InvalidDataException">The input is not an image, or it is not known how to prepare images.</exception>
    public ImageInput(string name, NodeMetadata input, EmbeddingSpace space)
    {
        Name = name;
        if (input is not { IsTensor: true, ElementDataType: TensorElementType.Float or TensorElementType.UInt8, Dimensions: [_, _, _, _] })
            throw new InvalidDataException(
                $"Its input '{name}' is {ImageNetwork.Describe(input)}, neither float [N, C, H, W] nor uint8 [N, H, W, C].");
        Type = input.ElementDataType;
        var (isPixels, shape) = (Type == TensorElementType.UInt8, input.Dimensions);
        var channels = isPixels ? shape[3] : shape[1];
        if (channels > 0 && channels is not (1 or 3))
            throw new InvalidDataException($"Its input '{name}' is {ImageNetwork.Describe(input)}, so it takes {channels} channels, but "
                + "images have 3 or 1. A float input must be [N, C, H, W], and a uint8 input must be [N, H, W, C].");
        FixedBatch = shape[0] > 0 ? shape[0] : null;
        var (height, width) = isPixels ? (shape[1], shape[2]) : (shape[2], shape[3]);
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
        var bytes = (long)Channels * Height * Width * (isPixels ? 1 : sizeof(float));
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
    public long[] Shape(int batch) => normalize is null ? [batch, Height, Width, Channels] : [batch, Channels, Height, Width];

    /// <summary>Resizes a decoded image, which changes it, and writes it in the format of the input.</summary>
    public void Prepare(Picture picture, Span<byte> target)
    {
        resize.Apply(picture, new SeededRandom(0));
        if (normalize is not null)
        {
            normalize.Apply(picture, MemoryMarshal.Cast<byte, float>(target));
            return;
        }
        var pixels = picture.Pixels;
        var gray = MemoryMarshal.Cast<byte, uint>(pixels);
        for (var i = 0; i < Height * Width; i++)
            if (Channels == 1) target[i] = PillowColor.Luma(gray[i]);
            else pixels.Slice(i * Picture.BytesPerPixel, 3).CopyTo(target[(3 * i)..]);
    }

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
