using MetricLearning.Vision;

namespace MetricLearning.Onnx.Runtime;

/// <summary>How an <see cref="OnnxEmbedder"/> works.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public sealed record OnnxEmbedderSettings
{
    /// <summary>What the file does not say about its embeddings, such as the size of images and the mean. A value that contradicts the file
    /// is refused.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public EmbeddingSpace Space { get; init => field = value ?? throw new ArgumentNullException(nameof(Space)); } = new();

    /// <summary>The most images that one run of the network takes. Images of callers that wait at the same time run together. Default:
    /// 8.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int MaxBatch { get; init => field = Guard.AtLeast(value, 1); } = 8;

    /// <summary>The threads on which one run of the network works; 0 for ONNX Runtime's choice, the number of cores. Default: 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int Threads { get; init => field = Guard.AtLeast(value, 0); }

    /// <summary>The images that are decoded at once. Further callers wait, so that memory stays within bounds. Default: the number of
    /// processors.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int Decoders { get; init => field = Guard.AtLeast(value, 1); } = Environment.ProcessorCount;

    /// <summary>An image file of more bytes is refused. Default: 67,108,864.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int MaxBytes { get; init => field = Guard.AtLeast(value, 1); } = 1 << 26;

    /// <summary>An image of more pixels is refused. Default: <see cref="ImageDecoder.DefaultMaxPixels"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int MaxPixels { get; init => field = Guard.AtLeast(value, 1); } = ImageDecoder.DefaultMaxPixels;
}
