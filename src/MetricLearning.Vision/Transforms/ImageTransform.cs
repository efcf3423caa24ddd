using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>What happens to a picture between its file and the batch: steps on pixels, one <see cref="Normalize"/>, steps on the
/// normalized values. Immutable, used by several threads at once.</summary>
public sealed class ImageTransform
{
    private readonly PixelStep[] fixedSteps, randomSteps;
    private readonly int single;
    private readonly Normalize normalize;
    private readonly PlaneStep[] planeSteps;

    /// <summary>These steps in this order.</summary>
    /// <param name="steps">Pixel steps, at least one of which fixes the size (<see cref="Resize"/>); one <see cref="Normalize"/>; plane
    /// steps.</param>
    /// <exception cref="ArgumentException">The steps are not in that order, or none fixes the size.</exception>
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
        (Height, Width) = sizes[^1] ?? throw new ArgumentException("One of the steps must fix the size, say Resize.", nameof(steps));
        Steps = [.. steps];
        var first = pixelSteps.Length;
        while (first > fixedSteps.Length && pixelSteps[first - 1].WorksOnBatches && sizes[first - 1] is not null) first--;
        single = first - fixedSteps.Length;
        BatchInput = sizes[first]!.Value;
        BatchSteps = planeSteps.All(step => step.WorksOnBatches) ? [.. steps.Skip(first)] : [];
    }

    /// <summary>The steps.</summary>
    public IReadOnlyList<ImageStep> Steps { get; }

    /// <summary>The last steps, those that can run on a whole batch at once, on any device: <see cref="Normalize"/>, the plane steps and
    /// the random pixel steps before it, back to the first that works on single pictures only. Empty where a plane step does.</summary>
    /// <remarks><see cref="ImageLoader.OnBatches"/> and <see cref="ApplyToBatch"/> run them so.</remarks>
    public IReadOnlyList<ImageStep> BatchSteps { get; }

    /// <summary>The size that pictures have before <see cref="BatchSteps"/>.</summary>
    public (int Height, int Width) BatchInput { get; }

    /// <summary>The channels that every picture gets: 3, or 1 with <see cref="Normalize.Gray"/>.</summary>
    public int Channels => normalize.Channels;

    /// <summary>The height that every picture gets.</summary>
    public int Height { get; }

    /// <summary>The width that every picture gets.</summary>
    public int Width { get; }

    internal int Values => Channels * Height * Width;

    /// <summary>The recipe of Bag of Tricks: resize, mirror (0.5), shift by up to 10 pixels, normalize with ImageNet's numbers, erase
    /// (0.5).</summary>
    /// <param name="height">The height of the network's input.</param>
    /// <param name="width">The width of the network's input.</param>
    /// <param name="erasing">How likely a rectangle is erased; 0 for never.</param>
    /// <param name="normalize">How values are normalized; null for ImageNet's numbers.</param>
    public static ImageTransform ForTraining(int height = 256, int width = 128, double erasing = 0.5, Normalize? normalize = null) => new(
        new Resize(height, width), new HorizontalFlip(), new PadAndCrop(), normalize ?? new Normalize(), new RandomErasing(erasing));

    /// <summary>Resize and normalize with ImageNet's numbers: nothing random.</summary>
    /// <inheritdoc cref="ForTraining" path="/param[@name!='erasing']"/>
    public static ImageTransform ForEvaluation(int height = 256, int width = 128, Normalize? normalize = null) =>
        new(new Resize(height, width), normalize ?? new Normalize());

    /// <summary>Reads and transforms one picture: [1, Channels, Height, Width] float32 on the CPU.</summary>
    /// <param name="path">The file.</param>
    /// <param name="random">What the random steps draw from; null for the beginning of seed 0.</param>
    /// <inheritdoc cref="PictureDecoder.Decode" path="/exception"/>
    public Tensor Read(string path, SeededRandom? random = null)
    {
        var picture = Picture.Load(path);
        random ??= new SeededRandom(0);
        ApplyFixed(picture, random);
        var result = empty(1, Channels, Height, Width);
        try
        {
            ApplyRest(picture, MemoryMarshal.Cast<byte, float>(result.bytes), random);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>Transforms a batch of decoded pictures of one size: [N, Channels, Height, Width] float32 on the CPU.</summary>
    /// <param name="pictures">[N, 3, h, w] uint8, red, green and blue.</param>
    /// <param name="seed">The seed of the random steps.</param>
    /// <param name="epoch">The epoch. Picture i draws from the stream (seed, epoch, i).</param>
    /// <exception cref="ArgumentException">The shape or type is another.</exception>
    public Tensor Apply(Tensor pictures, ulong seed = 0, int epoch = 0)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        Guard.AtLeast(epoch, 0);
        if (pictures.dim() != 4 || pictures.size(1) != 3 || pictures.dtype != ScalarType.Byte)
            throw new ArgumentException(
                $"pictures must be [N, 3, h, w] uint8, got {Guard.Shape(pictures)} {pictures.dtype}.", nameof(pictures));
        using var scope = NewDisposeScope();
        var interleaved = pictures.cpu().permute(0, 2, 3, 1).contiguous();
        var result = empty(pictures.size(0), Channels, Height, Width);
        var (height, width) = ((int)pictures.size(2), (int)pictures.size(3));
        var picture = new Picture();
        for (var i = 0; i < pictures.size(0); i++)
        {
            var source = interleaved.bytes.Slice(i * 3 * height * width, 3 * height * width);
            var pixels = picture.Replace(width, height, out _);
            for (var pixel = 0; pixel < height * width; pixel++)
                source.Slice(3 * pixel, 3).CopyTo(pixels[(Picture.BytesPerPixel * pixel)..]);
            var random = SeededRandom.ForStream(seed, (ulong)epoch, (ulong)i);
            ApplyFixed(picture, random);
            ApplyRest(picture, MemoryMarshal.Cast<byte, float>(result.bytes).Slice(i * Values, Values), random);
        }
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>Runs <see cref="BatchSteps"/> where the pictures are, all of them at once: [N, Channels, Height, Width] float32 on their
    /// device. On the CPU the values are those of the steps picture by picture, to the bit.</summary>
    /// <param name="pictures">[N, 3, h, w] uint8 of the size <see cref="BatchInput"/>, on any device; stays as it is.</param>
    /// <param name="random">What the steps of each picture draw from.</param>
    /// <exception cref="ArgumentException">The shape or type is another, or random numbers are missing.</exception>
    /// <exception cref="InvalidOperationException">There are no <see cref="BatchSteps"/>.</exception>
    public Tensor ApplyToBatch(Tensor pictures, IReadOnlyList<SeededRandom> random)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        ArgumentNullException.ThrowIfNull(random);
        if (BatchSteps.Count == 0)
            throw new InvalidOperationException("A step after Normalize works on single pictures only, so there are no BatchSteps.");
        var (height, width) = BatchInput;
        if (pictures.dim() != 4 || pictures.size(1) != 3 || pictures.size(2) != height || pictures.size(3) != width
            || pictures.dtype != ScalarType.Byte)
            throw new ArgumentException(
                $"pictures must be [N, 3, {height}, {width}] uint8, got {Guard.Shape(pictures)} {pictures.dtype}.", nameof(pictures));
        if (random.Count != pictures.size(0))
            throw new ArgumentException($"random must be one for each of {pictures.size(0)} pictures, got {random.Count}.", nameof(random));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var pixels = pictures;
        foreach (var step in randomSteps.Skip(single)) pixels = step.ApplyToBatch(pixels, random);
        if (pixels.size(2) != Height || pixels.size(3) != Width) throw WrongSize(pixels.size(2), pixels.size(3), Height, Width);
        var result = normalize.ApplyToBatch(pixels);
        foreach (var step in planeSteps) step.ApplyToBatch(result, random, normalize);
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>The steps before the first random one.</summary>
    internal void ApplyFixed(Picture picture, SeededRandom random)
    {
        foreach (var step in fixedSteps) step.Apply(picture, random);
    }

    /// <summary>The steps from the first random one on.</summary>
    internal void ApplyRest(Picture picture, Span<float> destination, SeededRandom random)
    {
        foreach (var step in randomSteps) step.Apply(picture, random);
        if (picture.Height != Height || picture.Width != Width) throw WrongSize(picture.Height, picture.Width, Height, Width);
        normalize.Apply(picture, destination);
        foreach (var step in planeSteps) step.Apply(new Planes(destination, Height, Width, normalize), random);
    }

    /// <summary>The steps from the first random one up to <see cref="BatchSteps"/>: [3, h, w] uint8.</summary>
    internal void ApplySingle(Picture picture, Span<byte> destination, SeededRandom random)
    {
        foreach (var step in randomSteps.AsSpan(0, single)) step.Apply(picture, random);
        var (height, width) = BatchInput;
        if (picture.Height != height || picture.Width != width) throw WrongSize(picture.Height, picture.Width, height, width);
        picture.CopyPlanes(destination);
    }

    private static InvalidOperationException WrongSize(long height, long width, int promisedHeight, int promisedWidth) =>
        new($"The steps promised a picture of {promisedHeight}x{promisedWidth} (height x width), got {height}x{width}.");
}
