using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A source of scores of queries against a gallery: exact keys one by one, and tiles that approximate them with a proven error
/// bound.</summary>
/// <remarks>
/// The order of a query's gallery is that of its exact keys, ties by index. For a tile's score s of a pair with key k,
/// <c>|s − (scale · k − shift)| ≤ error</c>, with scale, shift and error of the query; smaller is nearer in both. The tensors of a source
/// belong to the dispose scope in which it made them. One thread at a time, except for <see cref="Key"/>.
/// </remarks>
internal abstract class ScoreSource
{
    /// <summary>float32 or float64: the type of <see cref="Tile"/> that suits counting.</summary>
    public abstract ScalarType CountingType { get; }

    /// <summary>The type of <see cref="Tile"/> that suits counting where queries have a given number of matches on average.</summary>
    public virtual ScalarType CountingTypeFor(double matches) => CountingType;

    public abstract Device Device { get; }

    /// <summary>Whether tiles must span the whole gallery.</summary>
    public virtual bool WholeRows => false;

    /// <summary>Whether the queries are the gallery, and the key of a pair does not depend on which of the two is the query.</summary>
    public virtual bool IsSymmetric => false;

    /// <summary>Bytes that the source holds beyond what the caller gave.</summary>
    public abstract long HeldBytes { get; }

    /// <summary>Bytes of working memory for a tile, without the tile itself.</summary>
    public abstract long TileBytes(int queries, int rows, ScalarType type);

    /// <summary>Prepares tiles of a type and with at most a given number of rows for a block of queries.</summary>
    public abstract void Begin(int query, int queries, int rows, ScalarType type);

    /// <summary>Scores [queries, rows] of the block of queries that was begun. The caller may overwrite them, and the next tile may
    /// too.</summary>
    public abstract Tensor Tile(int row, int rows);

    /// <summary>The exact key of a pair, finite. Safe to call from several threads.</summary>
    public abstract double Key(int query, int row);

    /// <summary>The interval that holds the tile's score of every pair with this key.</summary>
    public virtual (double Low, double High) Interval(int query, double key, ScalarType type) => (key, key);

    /// <summary>How a key follows from a tile's score of a query.</summary>
    public virtual KeyOfScore KeyOf(int query, ScalarType type) => new(Shift: 0, Scale: 1, Error: 0);

    /// <summary>The largest difference between two tile scores of a query whose keys may be in the opposite order.</summary>
    public virtual double Gap(int query, ScalarType type) => 0;

    /// <summary>The distance that a key stands for.</summary>
    public virtual double Distance(double key) => key;
}

/// <summary>The key of a pair with score s lies within <c>Error</c> of <c>(s + Shift) / Scale</c>.</summary>
internal readonly record struct KeyOfScore(double Shift, double Scale, double Error)
{
    /// <summary>The key of a pair with this score, to within the error.</summary>
    public double Of(double score) => (score + Shift) / Scale;

    /// <summary>Computes the least key that a pair with each score may have; the largest is twice the error above it. A NaN stays
    /// NaN.</summary>
    /// <param name="scores">The scores.</param>
    /// <param name="keys">Receives the keys.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Lowest(ReadOnlySpan<double> scores, Span<double> keys)
    {
        var (shift, scale, error) = (Vector256.Create(Shift), Vector256.Create(Scale), Vector256.Create(Error));
        var i = 0;
        for (; i <= scores.Length - 4; i += 4) ((Vector256.Create(scores[i..]) + shift) / scale - error).CopyTo(keys[i..]);
        for (; i < scores.Length; i++) keys[i] = Of(scores[i]) - Error;
    }
}
