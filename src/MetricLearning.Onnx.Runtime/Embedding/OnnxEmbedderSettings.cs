using MetricLearning.Vision;

namespace MetricLearning.Onnx.Runtime;

/// <summary>The settings of an <see cref="OnnxEmbedder"/>.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public sealed record OnnxEmbedderSettings
{
    /// <summary>Properties of the embedding space that the file does not record, such as the size of images and the mean. A value that
    /// contradicts the file is refused. Default: none.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public EmbeddingSpace Space { get; init => field = value ?? throw new ArgumentNullException(nameof(Space)); } = new();

    /// <summary>The largest number of images in one run of the network. Images of callers that wait at the same time run together. A file
    /// that fixes the number of images of a run is run with that number. With 1, the embedding of an image has the same bits in each call.
    /// Default: 8.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int MaxBatch { get; init => field = Guard.AtLeast(value, 1); } = 8;

    /// <summary>The number of threads of one run of the network; 0 for ONNX Runtime's choice, the number of cores. At most 1,024. Default:
    /// 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not in [0, 1024].</exception>
    public int Threads { get; init => field = (int)Guard.Within(value, 0, 1024); }

    /// <summary>The number of images that are decoded at once. Further callers wait, so memory is bounded. Default: the number of
    /// processors.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int Decoders { get; init => field = Guard.AtLeast(value, 1); } = Environment.ProcessorCount;

    /// <summary>The largest number of bytes of an image file; a larger one is refused. Default: 67,108,864.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int MaxBytes { get; init => field = Guard.AtLeast(value, 1); } = 1 << 26;

    /// <summary>The largest number of pixels of an image; a larger one is refused. Default: <see cref="ImageDecoder.DefaultMaxPixels"/>,
    /// 67,108,864.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int MaxPixels { get; init => field = Guard.AtLeast(value, 1); } = ImageDecoder.DefaultMaxPixels;
}
