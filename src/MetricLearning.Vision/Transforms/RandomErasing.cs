using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Overwrites a random rectangle. Zhong et al., <i>Random Erasing Data Augmentation</i>, AAAI 2020.</summary>
/// <remarks>
/// With probability p: area uniform in [0.02, 0.4] of the picture, aspect ratio (height / width) uniform in [0.3, 1/0.3] as in Bag of
/// Tricks, place uniform; a rectangle that does not fit is drawn again, at most <see cref="Attempts"/> times in all, and then
/// the picture stays whole.
/// </remarks>
public sealed class RandomErasing : PlaneStep
{
    /// <summary>How many rectangles are tried.</summary>
    public const int Attempts = 100;

    /// <summary>Erases with the given probability and bounds.</summary>
    /// <param name="probability">How likely a picture is touched, in [0, 1].</param>
    /// <param name="minArea">The least share of the picture, in [0, maxArea].</param>
    /// <param name="maxArea">The largest share, up to 1.</param>
    /// <param name="minAspect">The least height / width, in (0, 1]; the greatest is its inverse.</param>
    /// <param name="fill">Red, green, blue; null for ImageNet's mean.</param>
    /// <param name="order">What <paramref name="fill"/> means.</param>
    public RandomErasing(double probability = 0.5, double minArea = 0.02, double maxArea = 0.4, double minAspect = 0.3,
        IReadOnlyList<float>? fill = null, ErasingOrder order = ErasingOrder.AfterNormalization)
    {
        Probability = Guard.Within(probability, 0, 1);
        MaxArea = Guard.Within(maxArea, 0, 1);
        MinArea = Guard.Within(minArea, 0, maxArea);
        MinAspect = Guard.Positive(Guard.Within(minAspect, 0, 1));
        Fill = ColorTriple.Checked(fill ?? ColorTriple.ImageNetMean, nameof(fill));
        Order = order;
    }

    /// <summary>How likely a picture is touched.</summary>
    public double Probability { get; }

    /// <summary>The least share of the picture that is erased.</summary>
    public double MinArea { get; }

    /// <summary>The largest share of the picture that is erased.</summary>
    public double MaxArea { get; }

    /// <summary>The least height / width.</summary>
    public double MinAspect { get; }

    /// <summary>Red, green and blue of the rectangle; <see cref="Order"/> says in which units. Pictures of one
    /// channel get 0.299 R + 0.587 G + 0.114 B.</summary>
    public IReadOnlyList<float> Fill { get; }

    /// <summary>What <see cref="Fill"/> means.</summary>
    public ErasingOrder Order { get; }

    /// <inheritdoc/>
    public override bool WorksOnBatches => true;

    /// <inheritdoc/>
    public override void Apply(Planes planes, SeededRandom random)
    {
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
                PictureBatches.Part(images, i, top, left, height, width).copy_(fill);
    }

    /// <summary>The rectangle; null where the picture stays whole.</summary>
    private (int Top, int Left, int Height, int Width)? Draw(int pictureHeight, int pictureWidth, SeededRandom random)
    {
        if (random.NextDouble() >= Probability) return null;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var area = random.NextDouble(MinArea, MaxArea) * pictureHeight * pictureWidth;
            var aspect = random.NextDouble(MinAspect, 1 / MinAspect);
            var height = (int)Math.Round(Math.Sqrt(area * aspect));
            var width = (int)Math.Round(Math.Sqrt(area / aspect));
            if (height >= pictureHeight || width >= pictureWidth) continue;
            var top = random.NextInt(pictureHeight - height + 1);
            return (top, random.NextInt(pictureWidth - width + 1), height, width);
        }
        return null;
    }

    /// <summary>What a plane is filled with. To erase before normalizing is the same as to erase after it with the normalized
    /// fill.</summary>
    private float Value(int channel, Normalize normalization)
    {
        var fill = normalization.Channels == 3 ? Fill[channel] : 0.299f * Fill[0] + 0.587f * Fill[1] + 0.114f * Fill[2];
        return Order == ErasingOrder.AfterNormalization ? fill : normalization.Value(channel, fill);
    }
}
