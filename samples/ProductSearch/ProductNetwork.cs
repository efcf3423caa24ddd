using MetricLearning;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace ProductSearch;

/// <summary>Puts a picture into the middle of a square with a bright border, so that its proportions do not change.</summary>
internal sealed class PadToSquare : PixelStep
{
    private const byte Bright = 240;

    public override bool IsRandom => false;

    public override (int Height, int Width)? SizeAfter((int Height, int Width)? before) =>
        before is { } size ? (Math.Max(size.Height, size.Width), Math.Max(size.Height, size.Width)) : null;

    public override void Apply(Picture picture, SeededRandom random)
    {
        var (width, height) = (picture.Width, picture.Height);
        if (width == height) return;
        var side = Math.Max(width, height);
        var square = picture.Replace(side, side, out var old);
        square.Fill(Bright);
        var (left, top, row) = ((side - width) / 2, (side - height) / 2, width * Picture.BytesPerPixel);
        for (var y = 0; y < height; y++)
            old.Slice(y * row, row).CopyTo(square[(((top + y) * side + left) * Picture.BytesPerPixel)..]);
    }
}

/// <summary>Flattens the feature map to all channels of all cells, so that the vector still tells where things are in the
/// picture.</summary>
/// <param name="side">The cells along each side.</param>
internal sealed class Flatten(int side) : Pooling(nameof(Flatten))
{
    public override long OutputDimension(long channels) => channels * side * side;

    protected override Tensor Pool(Tensor map) => map.flatten(1);
}

/// <summary>Defines the layers of the network and how a picture becomes its input.</summary>
internal static class ProductNetwork
{
    /// <summary>The side of its square input in pixels.</summary>
    public const int Side = 48;

    /// <summary>The length of a vector.</summary>
    public const int Dimension = 128;

    private static readonly Normalize normalize = new();

    /// <summary>The transform for searching: the whole picture, in a square.</summary>
    public static ImageTransform Prepare { get; } = new(new PadToSquare(), new Resize(Side, Side), normalize);

    /// <summary>The transform for training: a random part of the picture in a square, with changed colors.</summary>
    public static ImageTransform Augment { get; } =
        new(new HorizontalFlip(), new RandomResizedCrop(Side, Side, minArea: 0.6), new ColorJitter(0.2, 0.15, 0.15), normalize);

    /// <summary>The embedding space of this network's vectors.</summary>
    public static EmbeddingSpace Space { get; } =
        Prepare.Space with { Architecture = "convnet4", Normalized = false, Distance = "cosine" };

    /// <summary>A small network that trains within a minute on two cores.</summary>
    public static EmbeddingModel Create()
    {
        var (backbone, pooling) = (new ConvNet4(imageChannels: 3, channels: 32), new Flatten(Side / 16));
        return new EmbeddingModel(backbone, pooling, new BNNeck(Dimension),
            projection: new FullyConnectedNeck(pooling.OutputDimension(backbone.Channels), Dimension));
    }
}
