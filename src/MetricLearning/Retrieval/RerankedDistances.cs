using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Distances of queries to a gallery after re-ranking, worked out row by row: what is kept is sparse, O((Q + G) · k).</summary>
/// <remarks>It holds on to the features (without a copy), and belongs to the dispose scope in which it was made, like a tensor; without
/// one, dispose it.</remarks>
public sealed class RerankedDistances : IDisposable
{
    private readonly Func<int, int, Tensor> rows;
    private readonly Func<ScoreSource>? scores;
    private readonly Tensor[] held;

    /// <param name="queries">Q.</param>
    /// <param name="gallery">G.</param>
    /// <param name="heldBytes">Bytes of what is kept.</param>
    /// <param name="rows">Gives so many rows from a first one on, float64 [count, G].</param>
    /// <param name="scores">Gives the same distances as keys, with tiles that cost less than the rows; null where there is no such
    /// way.</param>
    /// <param name="held">Tensors that these need.</param>
    internal RerankedDistances(int queries, int gallery, long heldBytes, Func<int, int, Tensor> rows,
        Func<ScoreSource>? scores = null, params Tensor[] held) =>
        (Queries, Gallery, HeldBytes, this.rows, this.scores, this.held) = (queries, gallery, heldBytes, rows, scores, held);

    /// <summary>The number of queries, Q.</summary>
    public int Queries { get; }

    /// <summary>The number of gallery rows, G.</summary>
    public int Gallery { get; }

    /// <summary>Bytes that are kept beyond the features.</summary>
    public long HeldBytes { get; }

    /// <summary>The distances of some queries to the whole gallery; smaller is nearer.</summary>
    /// <param name="first">The first query.</param>
    /// <param name="count">How many.</param>
    /// <returns>float64 [count, G] on the CPU, which the caller disposes.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are no such queries.</exception>
    public Tensor Rows(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Queries - first);
        using var scope = NewDisposeScope();
        return rows(first, count).MoveToOuterDisposeScope();
    }

    /// <summary>The same distances, for ranking.</summary>
    internal ScoreSource Scores() => scores is null ? RowScores.Of(this) : scores();

    /// <summary>All distances at once; needs Q · G numbers.</summary>
    /// <param name="type">Their type; float32 by default.</param>
    /// <returns>[Q, G] on the CPU, which the caller disposes.</returns>
    public Tensor Matrix(ScalarType type = ScalarType.Float32)
    {
        const int block = 256;
        using var scope = NewDisposeScope();
        var all = empty(Queries, Gallery, type);
        for (var first = 0; first < Queries; first += block)
        {
            using var blockScope = NewDisposeScope();
            var count = Math.Min(block, Queries - first);
            all.narrow(0, first, count).copy_(Rows(first, count));
        }
        return all.MoveToOuterDisposeScope();
    }

    /// <summary>Lets go of the features.</summary>
    public void Dispose()
    {
        foreach (var tensor in held) tensor.Dispose();
    }

    internal RerankedDistances MoveToOuterDisposeScope()
    {
        foreach (var tensor in held) tensor.MoveToOuterDisposeScope();
        return this;
    }
}
