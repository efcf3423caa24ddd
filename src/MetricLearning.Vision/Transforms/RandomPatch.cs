using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Pastes a piece of another picture at a random place, to mimic occlusion: torchreid's RandomPatch (Zhou et al., ICCV 2019),
/// with a fixed pool.</summary>
/// <remarks>
/// torchreid fills its pool with pieces of the pictures as they pass, so what is pasted depends on the order in which workers come. Here
/// the pool is drawn beforehand, from a seed, so that a picture's outcome depends on seed, epoch and index alone. Area uniform in [0.01,
/// 0.5] of the picture, height / width uniform in [0.1, 10], at most 100 tries, mirrored with a probability of 0.5 and turned by a whole
/// number of degrees in [−10, 10] over black with a probability of 0.5. A piece that is larger than the picture is not pasted.
/// </remarks>
public sealed class RandomPatch : PixelStep
{
    private readonly (byte[] Pixels, int Width, int Height)[] pool;

    /// <summary>Draws the pool.</summary>
    /// <param name="images">What the pieces are cut out of: the pictures to train on. As many as the pool has pieces are read.</param>
    /// <param name="height">The height that pictures have at this step; they are scaled to it before cutting.</param>
    /// <param name="width">The width that pictures have at this step.</param>
    /// <param name="poolSize">How many pieces. The mean one takes a quarter of a picture: 32 KiB of 256 x 128.</param>
    /// <param name="probability">How likely a piece is pasted, in [0, 1].</param>
    /// <param name="seed">The seed of the pool.</param>
    /// <exception cref="ArgumentException">There are no pictures.</exception>
    /// <exception cref="InvalidDataException">A picture that was drawn cannot be read.</exception>
    public RandomPatch(ImageList images, int height = 256, int width = 128, int poolSize = 1000, double probability = 0.5, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.Count == 0) throw new ArgumentException("images must have pictures to cut pieces out of.", nameof(images));
        Probability = Guard.Within(probability, 0, 1);
        pool = new (byte[], int, int)[Guard.AtLeast(poolSize, 1)];
        var resize = new Resize(height, width);
        var picture = new Picture();
        for (var i = 0; i < pool.Length; i++)
        {
            var random = SeededRandom.ForStream(seed, (ulong)i);
            PictureDecoder.Decode(images[random.NextInt(images.Count)].Path, picture);
            resize.Apply(picture, random);
            var (tall, wide) = Size(height, width, random);
            Crop.Apply(picture, random.NextInt(height - tall + 1), random.NextInt(width - wide + 1), tall, wide);
            pool[i] = (picture.Pixels.ToArray(), wide, tall);
        }
    }

    /// <summary>How likely a piece is pasted.</summary>
    public double Probability { get; }

    /// <summary>How many pieces there are.</summary>
    public int PoolSize => pool.Length;

    /// <inheritdoc/>
    public override bool WorksOnBatches => true;

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(random);
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
            PictureBatches.Part(result, i, top, left, piece.Height, piece.Width).copy_(pixels);
        }
        return result;
    }

    /// <summary>What is pasted, and where; null where the picture stays.</summary>
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
