using System.Security.Cryptography;
using System.Text;
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
        Space = embedder.Space with { Fingerprint = FingerprintOf(settings, embedder.Space) };
    }

    /// <summary>The embedding space. Two services have equal fingerprints only if their vectors can be compared.</summary>
    public EmbeddingSpace Space { get; }

    /// <summary>The length of an embedding.</summary>
    public int Dimension => embedder.Dimension;

    /// <summary>Computes the embeddings of pictures, in the order of the pictures.</summary>
    /// <exception cref="Refusal">A file is not a picture, is damaged, or has too many pixels, or the network gives no vector of its
    /// embedding space.</exception>
    public async Task<IReadOnlyList<Embedding>> Embed(IReadOnlyList<Upload> pictures, CancellationToken cancellationToken)
    {
        return await Task.WhenAll(pictures.Select((picture, i) => Embed(picture,
            pictures.Count == 1 ? "The picture" : $"Picture {i + 1}")));

        async Task<Embedding> Embed(Upload picture, string called)
        {
            try
            {
                return new(picture.Name, await embedder.EmbedAsync(picture.Bytes, called, cancellationToken));
            }
            catch (InvalidDataException e)
            {
                throw new Refusal(StatusCodes.Status400BadRequest, "picture", e.Message);
            }
            catch (InvalidOperationException e) when (e.InnerException is ArithmeticException fault)
            {
                throw new Refusal(StatusCodes.Status422UnprocessableEntity, "network",
                    $"{called}: the network gives no vector for it, but {fault.Message}.");
            }
        }
    }

    public void Dispose() => embedder.Dispose();

    /// <summary>The fingerprint that the file states, or that of all files of the network. If settings complete the space, it depends on
    /// them, too.</summary>
    private static string FingerprintOf(Settings settings, EmbeddingSpace space)
    {
        List<string> parts = space.Fingerprint is { } stated ? [stated]
            : [DigestOf(settings.Network), .. OnnxMessage.ExternalWeights(settings.Network).Select(DigestOf)];
        if (settings.Space != new EmbeddingSpace()) parts.Add(space.ToJson());
        return parts is [var only] ? only : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', parts))));

        static string DigestOf(string path)
        {
            using var file = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(file));
        }
    }
}
