using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The distances before k-reciprocal re-ranking, exact, in the units in which they are blended in: squared or not, and divided by
/// their row's maximum or not.</summary>
internal sealed unsafe class FirstDistances
{
    private readonly FeatureScores scores;
    private readonly double[] farthestKeys, divisors;
    private readonly int galleryStart;
    private readonly bool squares;

    /// <param name="scores">Exact keys of all rows with one another.</param>
    /// <param name="farthestKeys">The key of each row's farthest row.</param>
    /// <param name="galleryStart">The first row of the gallery.</param>
    /// <param name="origin">The arguments that the rows come from, for messages.</param>
    /// <param name="squares">Whether distances are squared.</param>
    /// <param name="divides">Whether they are divided by their row's maximum.</param>
    /// <exception cref="ArgumentException">The square of a distance overflows; the message names the row.</exception>
    public FirstDistances(FeatureScores scores, double[] farthestKeys, int galleryStart, RowOrigin origin, bool squares, bool divides)
    {
        (this.scores, this.farthestKeys, this.galleryStart, this.squares) = (scores, farthestKeys, galleryStart, squares);
        divisors = Array.ConvertAll(farthestKeys, key => divides && Units(scores.Distance(key)) is > 0 and var largest ? largest : 1);
        var bad = Array.FindIndex(divisors, largest => !double.IsFinite(largest));
        if (bad < 0) return;
        var (argument, features, row) = origin.Of(bad);
        throw new ArgumentException($"{features} must be nearer to one another: the dialect {nameof(KReciprocalDialect.TorchReId)} "
            + $"squares distances, and the squares of those of row {row} overflow.", argument);
    }

    /// <summary>The distance of two rows.</summary>
    public double Of(int i, int j) => Units(scores.Distance(scores.Key(i, j))) / divisors[i];

    /// <summary>How the query's distances enter the blend.</summary>
    public BlendedShare Share(int query, double lambda) => new(lambda, divisors[query],
        (scores.Measures is EuclideanDistance ? 0.5 : 1) * (squares ? 2 : 1),
        Largest: scores.Measures is CosineDistance ? 2 : farthestKeys[query]);

    /// <summary>float64 [count, G]: the distances of some queries to the gallery.</summary>
    public Tensor Block(int first, int count)
    {
        const int tile = 32;        // gallery rows that stay in a core's cache while the queries pass
        var gallery = divisors.Length - galleryStart;
        var block = empty(count, gallery, ScalarType.Float64);
        var memory = (nint)TensorMemory.Of(block);
        Threads.For((gallery + tile - 1) / tile, t =>
        {
            for (var i = 0; i < count; i++)
                for (var j = t * tile; j < Math.Min((t + 1) * tile, gallery); j++)
                    ((double*)memory)[(long)i * gallery + j] = Of(first + i, galleryStart + j);
        });
        return block;
    }

    private double Units(double distance) => squares ? distance * distance : distance;
}
