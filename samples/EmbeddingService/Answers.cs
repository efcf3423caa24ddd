using System.Text.Json.Serialization;

namespace EmbeddingService;

/// <summary>The embedding of a picture.</summary>
/// <param name="Name">The name of the picture's file, as the request gave it; null for none.</param>
/// <param name="Vector">The embedding.</param>
internal sealed record Embedding(string? Name, float[] Vector);

/// <summary>The answer to a request.</summary>
/// <param name="Embeddings">The embeddings, in the order of the pictures.</param>
/// <param name="Dimension">The length of each vector.</param>
/// <param name="Space">The embedding space of the vectors: it says which vectors they can be compared with.</param>
internal sealed record EmbedAnswer(IReadOnlyList<Embedding> Embeddings, int Dimension, SpaceName Space);

/// <summary>Describes the embedding space of the vectors. Vectors can be compared only if the fingerprints are equal.</summary>
/// <param name="Name">The name of the network; null if its file does not say it.</param>
/// <param name="Fingerprint">The fingerprint of the network.</param>
/// <param name="Distance">How vectors are compared, such as <c>cosine</c>; null if the file does not say it.</param>
internal sealed record SpaceName(string? Name, string Fingerprint, string? Distance);

/// <summary>The state of the service: <c>alive</c>, <c>ready</c> or <c>stopping</c>.</summary>
internal sealed record Health(string Status);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(EmbedAnswer))]
[JsonSerializable(typeof(Health))]
internal sealed partial class AnswerContext : JsonSerializerContext;
