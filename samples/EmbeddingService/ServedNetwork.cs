using System.Security.Cryptography;
using MetricLearning;
using MetricLearning.Onnx.Runtime;

namespace EmbeddingService;

/// <summary>The network that the service runs. Any number of threads may use it at once.</summary>
internal sealed class ServedNetwork : IDisposable
{
    private readonly OnnxEmbedder embedder;

    public ServedNetwork(Settings settings)
    {
        embedder = new OnnxEmbedder(settings.Network, new OnnxEmbedderSettings
        {
            Space = settings.Space,
            Threads = settings.Threads,
            MaxBytes = settings.Limits.MaxBytes,
            MaxPixels = settings.Limits.MaxPixels,
        });
        Space = embedder.Space.Fingerprint is not null ? embedder.Space
            : embedder.Space with { Fingerprint = FingerprintOf(settings.Network) };
    }

    /// <summary>The embedding space. If the file has no fingerprint of its weights, the fingerprint is that of the whole file.</summary>
    public EmbeddingSpace Space { get; }

    /// <summary>The length of an embedding; 0 if the file does not say it.</summary>
    public int Dimension => embedder.Dimension;

    /// <summary>Computes the embeddings of pictures, in the order of the pictures.</summary>
    /// <exception cref="Refusal">A file is not a picture, is damaged, or has too many pixels.</exception>
    public async Task<IReadOnlyList<Embedding>> Embed(IReadOnlyList<Upload> pictures, CancellationToken cancellationToken)
    {
        return await Task.WhenAll(pictures.Select((picture, i) => Embed(picture,
            pictures.Count == 1 ? "" : $"Picture {i + 1}: ")));

        async Task<Embedding> Embed(Upload picture, string prefix)
        {
            try
            {
                return new(picture.Name, await embedder.EmbedAsync(picture.Bytes, cancellationToken));
            }
            catch (InvalidDataException e)
            {
                throw new Refusal(StatusCodes.Status400BadRequest, "picture", prefix + e.Message);
            }
        }
    }

    public void Dispose() => embedder.Dispose();

    private static string FingerprintOf(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
