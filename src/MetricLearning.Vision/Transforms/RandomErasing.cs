using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Fills a random rectangle. Zhong et al., <i>Random Erasing Data Augmentation</i>, AAAI 2020.</summary>
/// <remarks>With the given probability it draws a rectangle: its area is uniform in [minArea, maxArea] of the image, its aspect ratio
/// (height / width) is uniform in [minAspect, 1 / minAspect], and its place is uniform. The defaults are those of Bag of Tricks: [0.02,
/// 0.4] and [0.3, 1 / 0.3]. A rectangle that does not fit is drawn again. After <see cref="Attempts"/> rectangles that do not fit, the
/// image stays whole.</remarks>
public sealed class RandomErasing : PlaneStep
{
    /// <summary>The number of rectangles that are tried.</summary>
    public const int Attempts = 100;

    /// <summary>Erases with this probability and within these bounds.</summary>
    /// <param name="probability">The probability that an image is changed, in [0, 1]. Default: 0.5.</param>
    /// <param name="minArea">The smallest share of the image, in [0, maxArea]. Default: 0.02.</param>
    /// <param name="maxArea">The largest share of the image, in [0, 1]. Default: 0.4.</param>
    /// <param name="minAspect">The smallest height / width, in (0, 1]; the largest is its inverse. Default: 0.3.</param>
    /// <param name="fill">Red, green, blue, all finite; null for ImageNet's mean.</param>
    /// <param name="order">The meaning of <paramref name="fill"/>. Default: <see cref="ErasingOrder.AfterNormalization"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="fill"/> does not have three numbers.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public RandomErasing(double probability = 0.5, double minArea = 0.02, double maxArea = 0.4, double minAspect = 0.3,
        IReadOnlyList<float>? fill = null, ErasingOrder order = ErasingOrder.AfterNormalization)
    {
        Probability = Guard.Within(probability, 0, 1);
        MaxArea = Guard.Within(maxArea, 0, 1);
        MinArea = Guard.Within(minArea, 0, 1);
        if (minArea > maxArea)
            throw new ArgumentOutOfRangeException(nameof(minArea), minArea,
                string.Create(CultureInfo.InvariantCulture, $"minArea must be at most maxArea, which is {maxArea}."));
        MinAspect = Guard.Positive(Guard.Within(minAspect, 0, 1), nameof(minAspect));
        Fill = ChannelValues.Checked(fill ?? ChannelValues.ImageNetMean, nameof(fill));
        Order = Guard.Defined(order);
    }

    /// <summary>The probability that an image is changed.</summary>
    public double Probability { get; }

    /// <summary>The smallest share of the image that is erased.</summary>
    public double MinArea { get; }

    /// <summary>The largest share of the image that is erased.</summary>
    public double MaxArea { get; }

    /// <summary>The smallest height / width.</summary>
    public double MinAspect { get; }

    /// <summary>Red, green and blue of the rectangle; <see cref="Order"/> says in which units. Images of one channel get 0.299 R + 0.587 G
    /// + 0.114 B.</summary>
    public IReadOnlyList<float> Fill { get; }

    /// <summary>The meaning of <see cref="Fill"/>.</summary>
    public ErasingOrder Order { get; }

    /// <inheritdoc/>
    public override bool WorksOnBatches => true;

    /// <inheritdoc/>
    public override void Apply(ImagePlanes planes, SeededRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
        if (Draw(planes.Height, planes.Width, random) is not var (top, left, height, width)) return;
        for (var channel = 0; channel < planes.Channels; channel++)
        {
            var value = Value(channel, planes.Normalization);
            for (var y = top; y < top + height; y++) planes.Row(channel, y).Slice(left, width).Fill(value);
        }
    }

    /// <inheritdoc/>
    protected internal override void ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random, Normalize normalization)
    {
        float[] values = [.. Enumerable.Range(0, normalization.Channels).Select(channel => Value(channel, normalization))];
        var fill = tensor(values, ScalarType.Float32, images.device).view(-1, 1, 1);
        for (var i = 0; i < random.Count; i++)
            if (Draw((int)images.size(2), (int)images.size(3), random[i]) is var (top, left, height, width))
                BatchOperations.Part(images, i, top, left, height, width).copy_(fill);
    }

    /// <summary>Draws the rectangle; null if the image stays whole.</summary>
    private (int Top, int Left, int Height, int Width)? Draw(int imageHeight, int imageWidth, SeededRandom random)
    {
        if (random.NextDouble() >= Probability) return null;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var area = random.NextDouble(MinArea, MaxArea) * imageHeight * imageWidth;
            var aspect = random.NextDouble(MinAspect, 1 / MinAspect);
            var height = (int)Math.Round(Math.Sqrt(area * aspect));
            var width = (int)Math.Round(Math.Sqrt(area / aspect));
            if (height >= imageHeight || width >= imageWidth) continue;
            var top = random.NextInt(imageHeight - height + 1);
            return (top, random.NextInt(imageWidth - width + 1), height, width);
        }
        return null;
    }

    /// <summary>The value that a plane is filled with. Erasing before normalizing gives the same as erasing after it with the normalized
    /// fill.</summary>
    private float Value(int channel, Normalize normalization)
    {
        var fill = normalization.Channels == 3 ? Fill[channel] : 0.299f * Fill[0] + 0.587f * Fill[1] + 0.114f * Fill[2];
        return Order == ErasingOrder.AfterNormalization ? fill : normalization.Value(channel, fill);
    }
}
