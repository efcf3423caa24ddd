namespace MetricLearning.Vision;

/// <summary>The normalized values of a picture where they lie in the batch.</summary>
public readonly ref struct Planes
{
    internal Planes(Span<float> values, int height, int width, Normalize normalization)
    {
        Values = values;
        (Height, Width, Normalization) = (height, width, normalization);
    }

    /// <summary>Red, green and blue plane, or one of gray, each row by row: [Channels, Height, Width].</summary>
    public Span<float> Values { get; }

    /// <summary>The number of planes: 3, or 1 of gray pictures.</summary>
    public int Channels => Normalization.Channels;

    /// <summary>The height of a plane.</summary>
    public int Height { get; }

    /// <summary>The width of a plane.</summary>
    public int Width { get; }

    /// <summary>How the values were normalized.</summary>
    public Normalize Normalization { get; }

    /// <summary>One row of a plane.</summary>
    public Span<float> Row(int channel, int y) => Values.Slice((channel * Height + y) * Width, Width);
}
