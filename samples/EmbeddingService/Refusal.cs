namespace EmbeddingService;

/// <summary>The exception for a request that the service refuses.</summary>
/// <param name="status">The HTTP status code.</param>
/// <param name="kind">The kind of refusal, as metrics count it.</param>
/// <param name="detail">The reason, as a sentence for the caller.</param>
internal sealed class Refusal(int status, string kind, string detail) : Exception(detail)
{
    public int Status => status;

    public string Kind => kind;
}
