using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The clusters that k-means found. Owns the centers.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once, until one of them disposes it.</remarks>
public sealed class KMeansResult : IDisposable
{
    private readonly Tensor centers;

    internal KMeansResult(Tensor centers, IReadOnlyList<long> assignments, double inertia, int iterations, bool converged) =>
        (this.centers, Assignments, Inertia, Iterations, Converged) = (centers, assignments, inertia, iterations, converged);

    /// <summary>float64 [k, D], on the device of the features. If the features have fewer different rows than clusters, some centers are
    /// equal, and all but one of them have no rows.</summary>
    /// <exception cref="ObjectDisposedException">The result has been disposed.</exception>
    public Tensor Centers => Guard.Owned(centers, this);

    /// <summary>The cluster of each row, from 0. <see cref="ClusterAgreement"/> compares these numbers with labels.</summary>
    public IReadOnlyList<long> Assignments { get; }

    /// <summary>The sum of squared distances of the rows from their centers.</summary>
    public double Inertia { get; }

    /// <summary>The number of times that rows were assigned.</summary>
    public int Iterations { get; }

    /// <summary>Whether no row changed its cluster in the last iteration.</summary>
    public bool Converged { get; }

    /// <summary>Frees the centers.</summary>
    public void Dispose() => centers.Dispose();
}
