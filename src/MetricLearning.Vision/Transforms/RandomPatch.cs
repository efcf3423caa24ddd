using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Pastes a piece of another image at a random place, to mimic occlusion: torchreid's RandomPatch (Zhou et al., ICCV 2019), with a
/// fixed pool of pieces.</summary>
/// <remarks>
/// <para>torchreid fills its pool with pieces of the images as they pass, so the pasted pieces depend on the order in which workers
/// finish. Here the pool is drawn beforehand from a seed, so that the result depends on seed, epoch and index only.</para>
/// <para>The area of a piece is uniform in [0.01, 0.5] of the image, its height / width is uniform in [0.1, 10], and at most 100 sizes are
/// tried. If none fits, the piece has a quarter of each side. With probability 0.5 a piece is mirrored. With probability 0.5 it is rotated
/// by a whole number of degrees in [−10, 10], over black. A piece that is larger than the image is not pasted.</para>
/// </remarks>
public sealed class RandomPatch : PixelStep
{
    private readonly (byte[] Pixels, int Width, int Height)[] pool;

    /// <summary>Draws the pool. It reads as many images as the pool has pieces.</summary>
    /// <param name="images">The images that the pieces are cut out of: usually the training images.</param>
    /// <param name="height">The height of images at this step, 1 or more; the images are scaled to it before cutting. Default: 256.</param>
    /// <param name="width">The width of images at this step, 1 or more. Default: 128.</param>
    /// <param name="poolSize">The number of pieces, 1 or more. On average a piece takes a quarter of an image: 32 KiB for 256 x 128.
    /// Default: 1,000.</param>
    /// <param name="probability">The probability that a piece is pasted, in [0, 1]. Default: 0.5.</param>
    /// <param name="seed">The seed of the pool. Default: 0.</param>
    /// <param name="maxPixels">See <see cref="Picture.MaxPixels"/>. Default: <see cref="ImageDecoder.DefaultMaxPixels"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="images"/> is null or empty, or a value is outside its range.</exception>
    /// <exception cref="InvalidDataException">An image that was drawn is broken.</exception>
    /// <exception cref="IOException">An image that was drawn is missing or cannot be read.</exception>
    public RandomPatch(ImageList images, int height = 256, int width = 128, int poolSize = 1000, double probability = 0.5, ulong seed = 0,
        int maxPixels = ImageDecoder.DefaultMaxPixels)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.Count == 0) throw new ArgumentException("images must not be empty: the pieces are cut out of them.", nameof(images));
        Guard.AtLeast(maxPixels, 1);
        Probability = Guard.Within(probability, 0, 1);
        pool = new (byte[], int, int)[Guard.AtLeast(poolSize, 1)];
        var resize = new Resize(height, width);
        var picture = new Picture { MaxPixels = maxPixels };
        for (var i = 0; i < pool.Length; i++)
        {
            var random = SeededRandom.ForStream(seed, (ulong)i);
            images[random.NextInt(images.Count)].DecodeInto(picture);
            resize.Apply(picture, random);
            var (tall, wide) = Size(height, width, random);
            Crop.Apply(picture, random.NextInt(height - tall + 1), random.NextInt(width - wide + 1), tall, wide);
            pool[i] = (picture.Pixels.ToArray(), wide, tall);
        }
    }

    /// <summary>The probability that a piece is pasted.</summary>
    public double Probability { get; }

    /// <summary>The number of pieces.</summary>
    public int PoolSize => pool.Length;

    /// <inheritdoc/>
    public override bool WorksOnBatches => true;

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        if (Draw(picture.Height, picture.Width, random) is not var (piece, top, left)) return;
        var line = piece.Width * Picture.BytesPerPixel;
        for (var y = 0; y < piece.Height; y++)
            piece.Pixels.Slice(y * line, line).CopyTo(picture.Pixels[(((top + y) * picture.Width + left) * Picture.BytesPerPixel)..]);
    }

    /// <inheritdoc/>
    protected internal override Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random)
    {
        var result = images.clone();
        for (var i = 0; i < random.Count; i++)
        {
            if (Draw((int)images.size(2), (int)images.size(3), random[i]) is not var (piece, top, left)) continue;
            var pixels = empty([3, piece.Height, piece.Width], ScalarType.Byte);
            piece.CopyPlanes(pixels.bytes);
            BatchOperations.Part(result, i, top, left, piece.Height, piece.Width).copy_(pixels);
        }
        return result;
    }

    /// <summary>Draws the piece to paste, and its place; null if the image stays as it is.</summary>
    private (Picture Piece, int Top, int Left)? Draw(int height, int width, SeededRandom random)
    {
        if (random.NextDouble() >= Probability) return null;
        var (pixels, wide, tall) = pool[random.NextInt(pool.Length)];
        if (wide > width || tall > height) return null;
        var piece = new Picture();
        pixels.CopyTo(piece.Replace(wide, tall, out _));
        var left = random.NextInt(width - wide + 1);
        var top = random.NextInt(height - tall + 1);
        new HorizontalFlip().Apply(piece, random);
        if (random.NextDouble() < 0.5) Warp.Rotate(piece, random.NextInt(21) - 10, Interpolation.Nearest, Rgb.Black);
        return (piece, top, left);
    }

    private static (int Height, int Width) Size(int height, int width, SeededRandom random)
    {
        for (var attempt = 0; attempt < 100; attempt++)
        {
            var area = random.NextDouble(0.01, 0.5) * height * width;
            var aspect = random.NextDouble(0.1, 10);
            var (h, w) = ((int)Math.Round(Math.Sqrt(area * aspect)), (int)Math.Round(Math.Sqrt(area / aspect)));
            if (h >= 1 && w >= 1 && h < height && w < width) return (h, w);
        }
        return (Math.Max(height / 4, 1), Math.Max(width / 4, 1));
    }
}
