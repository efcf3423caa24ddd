using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Features with the identity, and where it is known the camera, of each row: the queries or the gallery of a retrieval.</summary>
/// <remarks>Owns its features: they leave the caller's dispose scope and are freed by <see cref="Dispose"/>.</remarks>
public sealed class EmbeddingSet : IDisposable
{
    /// <summary>Takes over the features.</summary>
    /// <param name="features">[N, D], floating point.</param>
    /// <param name="identities">The identity of each row.</param>
    /// <param name="cameras">The camera of each row, or null where there are none.</param>
    /// <exception cref="ArgumentException">The features are not [N, D], or the numbers of rows differ.</exception>
    public EmbeddingSet(Tensor features, IEnumerable<long> identities, IEnumerable<long>? cameras = null)
    {
        Guard.Matrix(features);
        Identities = [.. identities];
        Cameras = cameras is null ? null : [.. cameras];
        Check(Identities.Count, nameof(identities));
        if (Cameras is not null) Check(Cameras.Count, nameof(cameras));
        Features = features.detach().DetachFromDisposeScope();
        if (!ReferenceEquals(Features, features)) features.Dispose();

        void Check(int count, string name)
        {
            if (count != features.size(0))
                throw new ArgumentException($"{name} must have one entry a row of features {Guard.Shape(features)}, got {count}.", name);
        }
    }

    /// <summary>[N, D], without gradient.</summary>
    public Tensor Features { get; }

    /// <summary>The identity of each row.</summary>
    public IReadOnlyList<long> Identities { get; }

    /// <summary>The camera of each row; null where there are none.</summary>
    public IReadOnlyList<long>? Cameras { get; }

    /// <summary>The number of rows.</summary>
    public int Count => Identities.Count;

    /// <summary>Frees the features.</summary>
    public void Dispose() => Features.Dispose();
}
