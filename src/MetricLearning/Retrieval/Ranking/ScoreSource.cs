using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Where scores of queries against the gallery come from: exact keys one by one, and tiles that approximate them with a proven
/// bound.</summary>
/// <remarks>
/// The order of a query's gallery is that of its exact keys, ties by index. A tile's score s of a pair with key k obeys
/// <c>|s − (scale · k − shift)| ≤ error</c>, with scale, shift and error of the query; smaller is nearer in both.
/// Tensors that a source makes belong to the dispose scope in which it made them.
/// </remarks>
internal abstract class ScoreSource
{
    /// <summary>float32 or float64: the type of <see cref="Tile"/> that suits counting.</summary>
    public abstract ScalarType CountingType { get; }

    public abstract Device Device { get; }

    /// <summary>Tiles must span the whole gallery.</summary>
    public virtual bool WholeRows => false;

    /// <summary>The queries are the gallery, and a pair's key is the same both ways.</summary>
    public virtual bool IsSymmetric => false;

    /// <summary>Bytes that the source holds beyond what the caller gave.</summary>
    public abstract long HeldBytes { get; }

    /// <summary>Bytes that making a tile takes, besides the tile.</summary>
    public abstract long TileBytes(int queries, int rows, ScalarType type);

    /// <summary>Makes ready for a block of queries and tiles of a type, of at most so many rows.</summary>
    public abstract void Begin(int query, int queries, int rows, ScalarType type);

    /// <summary>Scores [queries, rows] of the block of queries that was begun; the caller may overwrite them, and the next tile may as
    /// well.</summary>
    public abstract Tensor Tile(int row, int rows);

    /// <summary>The exact key of a pair, finite. Safe to call from several threads.</summary>
    public abstract double Key(int query, int row);

    /// <summary>The interval that holds the tile's score of every pair with this key.</summary>
    public virtual (double Low, double High) Interval(int query, double key, ScalarType type) => (key, key);

    /// <summary>How a tile's score of a query is turned back into a key.</summary>
    public virtual KeyOfScore KeyOf(int query, ScalarType type) => new(Shift: 0, Scale: 1, Error: 0);

    /// <summary>The largest gap between two tile scores of a query whose keys may stand the other way round.</summary>
    public virtual double Gap(int query, ScalarType type) => 0;

    /// <summary>The distance that a key stands for.</summary>
    public virtual double Distance(double key) => key;
}

/// <summary>The key of a pair with score s lies within <c>Error</c> of <c>(s + Shift) / Scale</c>.</summary>
internal readonly record struct KeyOfScore(double Shift, double Scale, double Error)
{
    /// <summary>About the key of a pair with this score.</summary>
    public double Of(double score) => (score + Shift) / Scale;
}
