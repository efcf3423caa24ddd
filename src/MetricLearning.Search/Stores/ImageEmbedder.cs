using Microsoft.Extensions.AI;

namespace MetricLearning.Search;

/// <summary>Makes embeddings of images for vector stores and for other code that uses Microsoft.Extensions.AI.</summary>
/// <remarks>
/// <para>It passes each image to a delegate, so it depends on no network library. For an ONNX file, pass the method
/// <c>OnnxEmbedder.EmbedAsync</c> of MetricLearning.Onnx.Runtime, which does not need libtorch. For a model of the core, pass your own
/// method that decodes the image and runs the model. The images of one call are embedded at the same time.</para>
/// <para>If it is the embedding generator of a store, records and searches may have an image, as <see cref="DataContent"/>, in place of a
/// vector.</para>
/// <para>The embeddings are vectors of <see cref="Space"/>: if it says <c>Normalized</c>, they have length 1, whatever the delegate gives.
/// An embedding that is not finite is an error.</para>
/// <para>Thread safety: any number of threads may call it at once, if they may call the delegate at once.</para>
/// </remarks>
/// <example><code>
/// using var onnx = new OnnxEmbedder("model.onnx");
/// using var store = new MemoryVectorStore { EmbeddingGenerator = new ImageEmbedder(onnx.EmbedAsync, onnx.Space) };
/// </code></example>
public sealed class ImageEmbedder : IEmbeddingGenerator<DataContent, Embedding<float>>
{
    private static readonly EmbeddingSpace unknown = new();

    private readonly Func<ReadOnlyMemory<byte>, CancellationToken, Task<float[]>> embed;
    private readonly EmbeddingGeneratorMetadata metadata;

    /// <summary>Makes a generator that passes each image to a delegate.</summary>
    /// <param name="embed">Returns the embedding for the contents of an image file.</param>
    /// <param name="space">The model, layer, size and preprocessing that make the embeddings. Default: null, not known.</param>
    /// <exception cref="ArgumentNullException">The delegate is null.</exception>
    public ImageEmbedder(Func<ReadOnlyMemory<byte>, CancellationToken, Task<float[]>> embed, EmbeddingSpace? space = null)
    {
        (this.embed, Space) = (Guard.NotNull(embed), space);
        metadata = new EmbeddingGeneratorMetadata("metriclearning", null, space?.Architecture, (int?)space?.Dimension);
    }

    /// <summary>The model, layer, size and preprocessing that make the embeddings; null if not known.</summary>
    public EmbeddingSpace? Space { get; }

    /// <summary>Embeds images.</summary>
    /// <param name="values">The contents of image files.</param>
    /// <param name="options">Options. If a number of dimensions is set, it must be that of the embeddings. Other options are ignored.
    /// Default: null, none.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>An embedding for each image, in the order of the images.</returns>
    /// <exception cref="ArgumentNullException">The images, or one of them, are null.</exception>
    /// <exception cref="ArgumentException">The media type of a content is not an image, or the embeddings have another number of
    /// dimensions.</exception>
    /// <exception cref="InvalidDataException">The delegate cannot read an image. The message has the number of the image.</exception>
    /// <exception cref="InvalidOperationException">The delegate fails, or gives an embedding that is not finite or that has another length
    /// than <see cref="Space"/> says. The message has the number of the image.</exception>
    /// <exception cref="OperationCanceledException">The call was stopped.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(IEnumerable<DataContent> values,
        EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        DataContent[] images = [.. values.Select(image => Guard.NotNull(image, nameof(values)))];
        foreach (var image in images)
            if (!image.HasTopLevelMediaType("image") && image.MediaType != "application/octet-stream")
                throw new ArgumentException($"values must be images, got {image.MediaType}.", nameof(values));
        cancellationToken.ThrowIfCancellationRequested();
        var vectors = await Task.WhenAll(images.Select((image, i) => EmbedAsync(image, i, images.Length, cancellationToken)))
            .ConfigureAwait(false);
        foreach (var vector in vectors)
            if (options?.Dimensions is { } asked && asked != vector.Length)
                throw new ArgumentException($"options must ask for {vector.Length} dimensions, got {asked}.", nameof(options));
        return [.. vectors.Select(vector => new Embedding<float>(vector) { ModelId = metadata.DefaultModelId })];
    }

    private async Task<float[]> EmbedAsync(DataContent image, int place, int count, CancellationToken cancellationToken)
    {
        try
        {
            return Finished(await embed(image.Data, cancellationToken).ConfigureAwait(false));
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException)
        {
            throw ImageFault.Of(e, $"image {place + 1} of {count}", place);
        }
    }

    private float[] Finished(float[]? output)
    {
        if (output is null) throw new InvalidOperationException("The delegate gave null in place of an embedding.");
        try
        {
            return (Space ?? unknown).Finish(output);
        }
        catch (ArgumentException e)
        {
            throw new InvalidOperationException($"The delegate gave an embedding that is not one of the space: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null : serviceType == typeof(EmbeddingGeneratorMetadata) ? metadata
            : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>Does nothing: the caller owns what the delegate uses.</summary>
    public void Dispose()
    {
    }
}
