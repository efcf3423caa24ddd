using System.Net;
using MetricLearning;

namespace EmbeddingService;

/// <summary>The settings from the command line.</summary>
internal sealed record Settings
{
    /// <summary>The ONNX file of the network.</summary>
    public required string Network { get; init; }

    /// <summary>The parts of the embedding space that the file does not state.</summary>
    public EmbeddingSpace Space { get; init; } = new();

    /// <summary>Where the server listens.</summary>
    public required IPEndPoint Place { get; init; }

    /// <summary>The threads on which the network runs; 0 for as many as there are cores.</summary>
    public int Threads { get; init; }

    public Limits Limits { get; init; } = new();
}

/// <summary>The limits on what clients may send.</summary>
internal sealed record Limits
{
    /// <summary>The most bytes of a picture's file.</summary>
    public int MaxBytes { get; init; } = 20 << 20;

    /// <summary>The most bytes of a request. It is never less than <see cref="MaxBytes"/>, because a request may be one picture.</summary>
    public int MaxRequestBytes { get => Math.Max(field, MaxBytes); init; } = 64 << 20;

    /// <summary>The most pixels of a picture; each takes 4 bytes in memory.</summary>
    public int MaxPixels { get; init; } = 32_000_000;

    /// <summary>The most pictures of one request.</summary>
    public int MaxPictures { get; init; } = 32;

    /// <summary>The requests that are processed at once. Together their bodies have at most this number times
    /// <see cref="MaxRequestBytes"/> bytes; the buffers of uploads take more.</summary>
    public int AtOnce { get; init; } = 32;

    /// <summary>The requests that may wait. Their bodies are not read yet. Further ones are refused.</summary>
    public int Waiting { get; init; } = 1024;

    /// <summary>The most connections.</summary>
    public int MaxConnections { get; init; } = 2048;

    /// <summary>The time within which a client must have sent its pictures, so that slow clients do not keep their place.</summary>
    public TimeSpan UploadTime { get; init; } = TimeSpan.FromSeconds(30);
}
