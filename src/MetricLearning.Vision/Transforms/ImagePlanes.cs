namespace MetricLearning.Vision;

/// <summary>The normalized values of one image, in the memory of its batch.</summary>
/// <remarks>Thread safety: one thread at a time.</remarks>
public readonly ref struct ImagePlanes
{
    internal ImagePlanes(Span<float> values, int height, int width, Normalize normalization)
    {
        Values = values;
        (Height, Width, Normalization) = (height, width, normalization);
    }

    /// <summary>The planes one after the other (red, green and blue, or one of gray), each row by row: [Channels, Height, Width].</summary>
    public Span<float> Values { get; }

    /// <summary>The number of planes: 3, or 1 for gray images.</summary>
    public int Channels => Normalization.Channels;

    /// <summary>The height of a plane.</summary>
    public int Height { get; }

    /// <summary>The width of a plane.</summary>
    public int Width { get; }

    /// <summary>How the values were normalized.</summary>
    public Normalize Normalization { get; }

    /// <summary>One row of a plane.</summary>
    /// <param name="channel">The plane, from 0 to below <see cref="Channels"/>.</param>
    /// <param name="y">The row, from 0 to below <see cref="Height"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such plane or row.</exception>
    public Span<float> Row(int channel, int y)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(channel);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(channel, Channels);
        ArgumentOutOfRangeException.ThrowIfNegative(y);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(y, Height);
        return Values.Slice((channel * Height + y) * Width, Width);
    }
}
