using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>The steps that turn an image into its part of a batch: steps on pixels, one <see cref="Normalize"/>, steps on the normalized
/// values.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once, each with its own <see cref="SeededRandom"/>. The same
/// random numbers give bit for bit the same values, whatever other threads do. Your own steps must allow concurrent calls too.</remarks>
/// <example><code>
/// var transform = new ImageTransform(new Resize(256, 128), new HorizontalFlip(), new PadAndCrop(10), new Normalize());
/// using var image = ImageTransform.ForEvaluation(256, 128).Read("picture.jpg");     // [1, 3, 256, 128]
/// </code></example>
public sealed class ImageTransform
{
    private readonly PixelStep[] fixedSteps, randomSteps;
    private readonly int single;
    private readonly Normalize normalize;
    private readonly PlaneStep[] planeSteps;

    /// <summary>Makes a transform of these steps in this order.</summary>
    /// <param name="steps">Pixel steps, at least one of which fixes the size (<see cref="Resize"/>); one <see cref="Normalize"/>; plane
    /// steps. None may be null.</param>
    /// <exception cref="ArgumentException">The steps are null or not in that order, or none fixes the size.</exception>
    public ImageTransform(params IReadOnlyList<ImageStep> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        var middle = steps.ToList().FindIndex(step => step is Normalize);
        if (middle < 0 || !steps.Take(middle).All(step => step is PixelStep) || !steps.Skip(middle + 1).All(step => step is PlaneStep))
            throw new ArgumentException("steps must be pixel steps, then one Normalize, then plane steps, got " +
                $"{string.Join(", ", steps.Select(step => step?.GetType().Name ?? "null"))}.", nameof(steps));
        normalize = (Normalize)steps[middle];
        var pixelSteps = steps.Take(middle).Cast<PixelStep>().ToArray();
        planeSteps = [.. steps.Skip(middle + 1).Cast<PlaneStep>()];
        fixedSteps = [.. pixelSteps.TakeWhile(step => !step.IsRandom)];
        randomSteps = pixelSteps[fixedSteps.Length..];
        var sizes = new (int Height, int Width)?[pixelSteps.Length + 1];
        for (var i = 0; i < pixelSteps.Length; i++) sizes[i + 1] = pixelSteps[i].SizeAfter(sizes[i]);
        (Height, Width) = sizes[^1] ?? throw new ArgumentException("A step must fix the size, for example Resize.", nameof(steps));
        Steps = [.. steps];
        var first = pixelSteps.Length;
        while (first > fixedSteps.Length && pixelSteps[first - 1].WorksOnBatches && sizes[first - 1] is not null) first--;
        single = first - fixedSteps.Length;
        BatchInput = sizes[first]!.Value;
        BatchSteps = planeSteps.All(step => step.WorksOnBatches) ? [.. steps.Skip(first)] : [];
        Space = new EmbeddingSpace
        {
            Height = Height, Width = Width, Mean = normalize.Mean, Deviation = normalize.Std,
            Interpolation = pixelSteps.Select(FilterOf).LastOrDefault(filter => filter is not null) is { } last ? NameOf(last) : null,
        };
    }

    /// <summary>The steps.</summary>
    public IReadOnlyList<ImageStep> Steps { get; }

    /// <summary>The last steps, which can run on a whole batch at once, on any device: <see cref="Normalize"/>, the plane steps, and the
    /// random pixel steps directly before <see cref="Normalize"/> that all work on batches. Empty if a plane step works on single images
    /// only.</summary>
    /// <remarks><see cref="ImageLoader.OnBatches"/> and <see cref="ApplyToBatch"/> run them on batches.</remarks>
    public IReadOnlyList<ImageStep> BatchSteps { get; }

    /// <summary>The size of images before <see cref="BatchSteps"/>.</summary>
    public (int Height, int Width) BatchInput { get; }

    /// <summary>How this transform prepares images: height, width, the filter of its last resizing step, mean and deviation. Files of
    /// weights and features store it, and <see cref="For"/> makes a transform from it.</summary>
    public EmbeddingSpace Space { get; }

    /// <summary>The number of channels of every image after the steps: 3, or 1 with <see cref="Normalize.Gray"/>.</summary>
    public int Channels => normalize.Channels;

    /// <summary>The height of every image after the steps.</summary>
    public int Height { get; }

    /// <summary>The width of every image after the steps.</summary>
    public int Width { get; }

    /// <summary>The number of values of an image after the steps.</summary>
    internal int Values => Channels * Height * Width;

    /// <summary>Makes the transform of Bag of Tricks for training: resize, mirror (0.5), shift by up to 10 pixels, normalize with
    /// ImageNet's numbers, erase (0.5).</summary>
    /// <param name="height">The height of the network's input, 1 or more. Default: 256.</param>
    /// <param name="width">The width of the network's input, 1 or more. Default: 128.</param>
    /// <param name="erasing">The probability that a rectangle is erased, in [0, 1]; 0 for never. Default: 0.5.</param>
    /// <param name="normalize">How values are normalized; null for ImageNet's numbers.</param>
    /// <param name="filter">How pixels are computed when images are resized. Default: <see cref="ResizeFilter.Bilinear"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public static ImageTransform ForTraining(int height = 256, int width = 128, double erasing = 0.5, Normalize? normalize = null,
        ResizeFilter filter = ResizeFilter.Bilinear) => new(new Resize(height, width, filter), new HorizontalFlip(), new PadAndCrop(),
            normalize ?? new Normalize(), new RandomErasing(Guard.Within(erasing, 0, 1)));

    /// <summary>Makes a transform for evaluation: it resizes and normalizes with ImageNet's numbers. Nothing is random.</summary>
    /// <inheritdoc cref="ForTraining" path="/param[@name!='erasing']"/>
    /// <exception cref="ArgumentOutOfRangeException">A side is less than 1, or the filter is not defined.</exception>
    public static ImageTransform ForEvaluation(int height = 256, int width = 128, Normalize? normalize = null,
        ResizeFilter filter = ResizeFilter.Bilinear) => new(new Resize(height, width, filter), normalize ?? new Normalize());

    /// <summary>Makes the transform that an embedding space describes: it resizes to the size of the space and normalizes. The aspect ratio
    /// is not kept. Nothing is random.</summary>
    /// <param name="space">The space, such as that of a model's file or of <see cref="PublishedSpaces"/>. Height and width must be known.
    /// If the others are not known, the filter is bilinear, and mean and deviation are ImageNet's.</param>
    /// <exception cref="ArgumentException">The height or the width is not known, the interpolation is none of <see cref="ResizeFilter"/>'s
    /// names in lower case, or mean and deviation have neither three numbers nor one.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="space"/> is null.</exception>
    public static ImageTransform For(EmbeddingSpace space)
    {
        ArgumentNullException.ThrowIfNull(space);
        if (space.Height is not { } height || space.Width is not { } width)
            throw new ArgumentException("space must know the height and the width of images, got "
                + $"{(space.ToString() is { Length: > 0 } known ? known : "an empty space")}.", nameof(space));
        var filter = ResizeFilter.Bilinear;
        if (space.Interpolation is { } name
            && !Enum.GetValues<ResizeFilter>().Any(known => NameOf(filter = known).Equals(name, StringComparison.Ordinal)))
            throw new ArgumentException($"space must have an interpolation of {string.Join(", ", Enum.GetValues<ResizeFilter>()
                .Select(NameOf))}, got {MessageText.Excerpt(name)}.", nameof(space));
        return ForEvaluation(height, width, new Normalize(space.Mean, space.Deviation), filter);
    }

    /// <summary>Reads and transforms one image: [1, Channels, Height, Width], float32, on the CPU.</summary>
    /// <param name="path">The path of the file.</param>
    /// <param name="random">The random numbers for the random steps; null for those of seed 0.</param>
    /// <param name="maxPixels">See <see cref="Picture.MaxPixels"/>. Default: <see cref="ImageDecoder.DefaultMaxPixels"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxPixels"/> is less than 1.</exception>
    /// <inheritdoc cref="ImageDecoder.Decode(string, Picture)" path="/exception"/>
    /// <exception cref="InvalidOperationException">A step gave another size than it promised.</exception>
    public Tensor Read(string path, SeededRandom? random = null, int maxPixels = ImageDecoder.DefaultMaxPixels) =>
        TensorOf(Picture.Load(path, maxPixels), random);

    /// <summary>Decodes and transforms one image that is in memory, such as an upload: [1, Channels, Height, Width], float32, on the
    /// CPU.</summary>
    /// <param name="image">The bytes of the file.</param>
    /// <param name="random">The random numbers for the random steps; null for those of seed 0.</param>
    /// <param name="maxPixels">See <see cref="Picture.MaxPixels"/>. Default: <see cref="ImageDecoder.DefaultMaxPixels"/>.</param>
    /// <param name="name">The name of the image in messages; null for "The image".</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxPixels"/> is less than 1.</exception>
    /// <inheritdoc cref="ImageDecoder.Decode(ReadOnlySpan{byte}, Picture, string?)" path="/exception"/>
    /// <exception cref="InvalidOperationException">A step gave another size than it promised.</exception>
    public Tensor Read(ReadOnlySpan<byte> image, SeededRandom? random = null, int maxPixels = ImageDecoder.DefaultMaxPixels,
        string? name = null) => TensorOf(Picture.Load(image, maxPixels, name), random);

    /// <summary>Decodes and transforms the rest of a stream: [1, Channels, Height, Width], float32, on the CPU. The stream stays
    /// open.</summary>
    /// <param name="image">The bytes of the file.</param>
    /// <param name="random">The random numbers for the random steps; null for those of seed 0.</param>
    /// <param name="maxPixels">See <see cref="Picture.MaxPixels"/>. Default: <see cref="ImageDecoder.DefaultMaxPixels"/>.</param>
    /// <param name="maxBytes">See <see cref="Picture.MaxBytes"/>. Default: <see cref="ImageDecoder.DefaultMaxBytes"/>.</param>
    /// <param name="name">The name of the image in messages; null for "The image".</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxPixels"/> or <paramref name="maxBytes"/> is less than
    /// 1.</exception>
    /// <inheritdoc cref="ImageDecoder.Decode(Stream, Picture, string?)" path="/exception"/>
    /// <exception cref="InvalidOperationException">A step gave another size than it promised.</exception>
    public Tensor Read(Stream image, SeededRandom? random = null, int maxPixels = ImageDecoder.DefaultMaxPixels,
        int maxBytes = ImageDecoder.DefaultMaxBytes, string? name = null) =>
        TensorOf(Picture.Load(image, maxPixels, maxBytes, name), random);

    /// <summary>Transforms one decoded image: [1, Channels, Height, Width], float32, on the CPU.</summary>
    /// <param name="picture">The image; it stays unchanged.</param>
    /// <param name="random">The random numbers for the random steps; null for those of seed 0.</param>
    /// <exception cref="ArgumentException"><paramref name="picture"/> is empty.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="picture"/> is null.</exception>
    /// <exception cref="InvalidOperationException">A step gave another size than it promised.</exception>
    public Tensor Apply(Picture picture, SeededRandom? random = null) => TensorOf(Copy(picture), random);

    /// <summary>Transforms one decoded image to the <see cref="Channels"/> · <see cref="Height"/> · <see cref="Width"/> numbers that a
    /// network takes, channel by channel, each row by row. No tensor is created, and TorchSharp's native library is not loaded.</summary>
    /// <param name="picture">The image; it stays unchanged.</param>
    /// <param name="random">The random numbers for the random steps; null for those of seed 0.</param>
    /// <inheritdoc cref="Apply(Picture, SeededRandom?)" path="/exception"/>
    public float[] ToArray(Picture picture, SeededRandom? random = null)
    {
        var values = new float[Values];
        Write(Copy(picture), values, random);
        return values;
    }

    /// <summary>Does the same as <see cref="ToArray"/>, but writes into existing memory, such as one image's part of a batch.</summary>
    /// <param name="picture">The image; it stays unchanged.</param>
    /// <param name="destination">Receives <see cref="Channels"/> · <see cref="Height"/> · <see cref="Width"/> numbers.</param>
    /// <param name="random">The random numbers for the random steps; null for those of seed 0.</param>
    /// <exception cref="ArgumentException"><paramref name="picture"/> is empty, or <paramref name="destination"/> has another
    /// length.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="picture"/> is null.</exception>
    /// <exception cref="InvalidOperationException">A step gave another size than it promised.</exception>
    public void Apply(Picture picture, Span<float> destination, SeededRandom? random = null)
    {
        var copy = Copy(picture);
        if (destination.Length != Values)
            throw new ArgumentException($"destination must have {Channels} x {Height} x {Width} = {Values} numbers, got "
                + $"{destination.Length}.", nameof(destination));
        Write(copy, destination, random);
    }

    /// <summary>Transforms a batch of decoded images of one size: [N, Channels, Height, Width], float32, on the CPU.</summary>
    /// <param name="images">Red, green and blue [N, 3, h, w], uint8, on any device.</param>
    /// <param name="seed">The seed of the random steps. Default: 0.</param>
    /// <param name="epoch">The epoch, 0 or more. Image i draws from the stream (seed, epoch, i). Default: 0.</param>
    /// <exception cref="ArgumentException"><paramref name="images"/> is null or has another shape or type, or <paramref name="epoch"/> is
    /// negative.</exception>
    /// <exception cref="InvalidOperationException">A step gave another size than it promised.</exception>
    public unsafe Tensor Apply(Tensor images, ulong seed = 0, int epoch = 0)
    {
        Guard.Alive(images);
        Guard.AtLeast(epoch, 0);
        if (images.dim() != 4 || images.size(1) != 3 || images.dtype != ScalarType.Byte)
            throw new ArgumentException(
                $"images must be [N, 3, h, w] uint8, got {Guard.Shape(images)} {images.dtype}.", nameof(images));
        using var scope = NewDisposeScope();
        var interleaved = images.cpu().permute(0, 2, 3, 1).contiguous();
        var result = empty(images.size(0), Channels, Height, Width);
        var (height, width) = ((int)images.size(2), (int)images.size(3));
        var picture = new Picture();
        for (var i = 0; i < images.size(0); i++)
        {
            // A batch may have more bytes than a span, so each image has its own.
            var pixels = picture.Replace(width, height, out _);
            var length = 3 * height * width;
            var source = new ReadOnlySpan<byte>(TensorMemory.Of(interleaved) + (long)i * length, length);
            for (var pixel = 0; pixel < height * width; pixel++)
                source.Slice(3 * pixel, 3).CopyTo(pixels[(Picture.BytesPerPixel * pixel)..]);
            var random = SeededRandom.ForStream(seed, (ulong)epoch, (ulong)i);
            ApplyFixed(picture, random);
            ApplyRest(picture, new Span<float>((float*)TensorMemory.Of(result) + (long)i * Values, Values), random);
        }
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>Runs <see cref="BatchSteps"/> on all images at once, on their device: [N, Channels, Height, Width], float32. On the CPU the
    /// values are bit for bit those of the steps image by image.</summary>
    /// <param name="images">The images [N, 3, h, w], uint8, of the size <see cref="BatchInput"/>, on any device; they stay
    /// unchanged.</param>
    /// <param name="random">The random numbers of each image.</param>
    /// <exception cref="ArgumentException"><paramref name="images"/> is null or has another shape or type, or <paramref name="random"/>
    /// does not have one entry per image.</exception>
    /// <exception cref="InvalidOperationException">There are no <see cref="BatchSteps"/>, or a step gave another size than it
    /// promised.</exception>
    public Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random)
    {
        Guard.Alive(images);
        ArgumentNullException.ThrowIfNull(random);
        if (BatchSteps.Count == 0)
            throw new InvalidOperationException("A step after Normalize works on single images only, so there are no BatchSteps.");
        var (height, width) = BatchInput;
        if (images.dim() != 4 || images.size(1) != 3 || images.size(2) != height || images.size(3) != width
            || images.dtype != ScalarType.Byte)
            throw new ArgumentException(
                $"images must be [N, 3, {height}, {width}] uint8, got {Guard.Shape(images)} {images.dtype}.", nameof(images));
        if (random.Count != images.size(0))
            throw new ArgumentException($"random must be one for each of {images.size(0)} images, got {random.Count}.", nameof(random));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var pixels = images;
        foreach (var step in randomSteps.Skip(single))
            pixels = Returned.Shape(step.ApplyToBatch(pixels, random), step, nameof(ApplyToBatch), pixels.size(0), pixels.size(1),
                Returned.Any, Returned.Any);
        if (pixels.size(2) != Height || pixels.size(3) != Width) throw WrongSize(pixels.size(2), pixels.size(3), Height, Width);
        var result = normalize.ApplyToBatch(pixels);
        foreach (var step in planeSteps) step.ApplyToBatch(result, random, normalize);
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>Runs the steps before the first random one.</summary>
    internal void ApplyFixed(Picture picture, SeededRandom random)
    {
        foreach (var step in fixedSteps) step.Apply(picture, random);
    }

    /// <summary>Runs the steps from the first random one to the last.</summary>
    internal void ApplyRest(Picture picture, Span<float> destination, SeededRandom random)
    {
        foreach (var step in randomSteps) step.Apply(picture, random);
        if (picture.Height != Height || picture.Width != Width) throw WrongSize(picture.Height, picture.Width, Height, Width);
        normalize.Apply(picture, destination);
        foreach (var step in planeSteps) step.Apply(new ImagePlanes(destination, Height, Width, normalize), random);
    }

    /// <summary>Runs the steps from the first random one up to <see cref="BatchSteps"/>: [3, h, w], uint8.</summary>
    internal void ApplySingle(Picture picture, Span<byte> destination, SeededRandom random)
    {
        foreach (var step in randomSteps.AsSpan(0, single)) step.Apply(picture, random);
        var (height, width) = BatchInput;
        if (picture.Height != height || picture.Width != width) throw WrongSize(picture.Height, picture.Width, height, width);
        picture.CopyPlanes(destination);
    }

    private static ResizeFilter? FilterOf(PixelStep step) => step switch
    {
        Resize resize => resize.Filter,
        ResizeShorter resize => resize.Filter,
        RandomResizedCrop crop => crop.Filter,
        Random2DTranslation => ResizeFilter.Bilinear,
        _ => null,
    };

    private static string NameOf(ResizeFilter filter) => filter.ToString().ToLowerInvariant();

    private static Picture Copy(Picture picture)
    {
        PixelStep.Require(picture);
        return picture.Clone();
    }

    /// <summary>Transforms an image; its pixels change.</summary>
    private void Write(Picture picture, Span<float> destination, SeededRandom? random)
    {
        random ??= new SeededRandom(0);
        ApplyFixed(picture, random);
        ApplyRest(picture, destination, random);
    }

    /// <summary>Transforms an image; its pixels change.</summary>
    private Tensor TensorOf(Picture picture, SeededRandom? random)
    {
        var result = empty(1, Channels, Height, Width);
        try
        {
            Write(picture, MemoryMarshal.Cast<byte, float>(result.bytes), random);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    private static InvalidOperationException WrongSize(long height, long width, int promisedHeight, int promisedWidth) =>
        new($"The steps promised an image of {promisedHeight}x{promisedWidth} (height x width), got {height}x{width}.");
}
