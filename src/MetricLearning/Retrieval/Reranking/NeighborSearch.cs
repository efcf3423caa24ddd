using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Finds the rows that may be the nearest of each query, a tile of scores at a time.</summary>
/// <typeparam name="T">float or double: the type of the scores.</typeparam>
/// <remarks>
/// <para>For each query it keeps only the rows that can still belong to the nearest, given the bound of the <see cref="ScoreSource"/>.
/// If queries and rows are one set, a tile serves both its rows and its columns, so only tiles on and above the diagonal are computed. The
/// candidates of all rows are then kept meanwhile.</para>
/// <para>Most scores are far from the limits of a query. They are compared in their own type, a vector at a time, and only those that pass
/// become keys in float64. The key of a score s is approximately <c>k' = (s + shift) · (1 / scale)</c>, where shift and 1 / scale are
/// rounded to T. The four roundings, with unit u, change it by at most <c>4 u (|k| + |shift / scale|)</c>, and by less than 2⁻¹⁰⁰ (float64:
/// 2⁻⁹⁰⁰) where numbers underflow, because 1 / scale is at most 10¹². The limits are moved outward by twice as much, so no key within a
/// limit is missed.</para>
/// </remarks>
internal sealed unsafe class NeighborSearch<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    private const long TileBytes = 32L << 20;
    private const int PieceColumns = 256;       // columns of a tile that a thread takes at once

    private static readonly (double Relative, double Smallest) slack =
        typeof(T) == typeof(float) ? (Math.ScaleB(8, -24), Math.ScaleB(1, -99)) : (Math.ScaleB(8, -53), Math.ScaleB(1, -899));

    private readonly ScoreSource source;
    private readonly int queries, count, width, step, block;
    private readonly bool bothWays;
    private readonly KeyOfScore[] keyOf;
    private readonly double[] gaps, reaches;        // 2 × error, and |shift / scale|; where tiles serve both ways, the largest of all
    private readonly T[] shifts, factors, near, far;
    private readonly NeighborCandidates?[] found;

    /// <param name="source">The source of the scores.</param>
    /// <param name="queries">The number of queries that it has, at least 1.</param>
    /// <param name="count">The number of rows it has, at least 1.</param>
    /// <param name="width">The number of nearest rows to find.</param>
    /// <param name="tileRows">The number of rows per tile. A block has at most as many queries.</param>
    public NeighborSearch(ScoreSource source, int queries, int count, int width, int tileRows)
    {
        (this.source, this.queries, this.count, this.width) = (source, queries, count, width);
        step = source.WholeRows ? count : tileRows;
        block = (int)Math.Clamp(TileBytes / (Math.Min(step, count) * 4L), 1, tileRows);
        keyOf = new KeyOfScore[queries];
        for (var i = 0; i < queries; i++) keyOf[i] = source.KeyOf(i, source.CountingType);
        gaps = Array.ConvertAll(keyOf, of => 2 * of.Error);
        reaches = Array.ConvertAll(keyOf, of => Math.Abs(of.Shift / of.Scale));
        bothWays = source.IsSymmetric && AreAlike(gaps);
        if (bothWays)
        {
            Array.Fill(gaps, gaps.Max());
            Array.Fill(reaches, reaches.Max());
        }
        shifts = Array.ConvertAll(keyOf, of => KernelArrays.Narrow<T>(of.Shift));
        factors = Array.ConvertAll(keyOf, of => KernelArrays.Narrow<T>(1 / of.Scale));
        (near, far, found) = (new T[queries], new T[queries], new NeighborCandidates?[queries]);
        Array.Fill(near, T.PositiveInfinity);
        Array.Fill(far, T.NegativeInfinity);
    }

    /// <summary>Searches, and hands each query with its candidates to <paramref name="settle"/>, which is called from several
    /// threads.</summary>
    public void Run(Action<int, NeighborCandidates> settle, CallProgress progress)
    {
        var (done, all) = (0.0, Work());
        for (var first = 0; first < queries; first += block)
        {
            using var scope = NewDisposeScope();
            var (start, end) = (first, Math.Min(first + block, queries));
            source.Begin(start, end - start, Math.Min(step, count), source.CountingType);
            for (var row = bothWays ? start : 0; row < count; row += step)
            {
                using var tileScope = NewDisposeScope();
                var tile = source.Tile(row, Math.Min(step, count - row)).cpu().contiguous();
                Scan(tile, start, row);
                done += tile.numel();
                progress.Report(done / all);
            }
            Threads.For(end - start, i =>
            {
                settle(start + i, found[start + i]!);
                found[start + i] = null;
            });
        }
    }

    /// <summary>The number of scores of all tiles.</summary>
    private double Work()
    {
        var work = 0.0;
        for (var first = 0; first < queries; first += block)
            work += (double)Math.Min(block, queries - first) * (bothWays ? count - first : count);
        return work;
    }

    /// <summary>Takes a tile's scores for its queries. If tiles serve queries and rows, it also takes them for its rows.</summary>
    private void Scan(Tensor tile, int first, int row)
    {
        var (height, columns) = ((int)tile.size(0), (int)tile.size(1));
        var memory = (nint)TensorMemory.Of(tile);
        Threads.For(height, i => TakeRow(first + i, (T*)memory + (long)i * columns, columns, row));
        var below = Math.Max(0, first + height - row);     // columns of the block itself have already been compared
        if (!bothWays || below >= columns) return;
        Threads.For((columns - below + PieceColumns - 1) / PieceColumns, piece =>
        {
            var left = below + piece * PieceColumns;
            TakeColumns((T*)memory + left, height, columns, Math.Min(PieceColumns, columns - left), first, row + left);
        });
    }

    /// <summary>Takes a row of a tile for its query.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void TakeRow(int query, T* scores, int columns, int row)
    {
        var (shift, factor) = (Vector256.Create(shifts[query]), Vector256.Create(factors[query]));
        var (nearest, farthest) = (Vector256.Create(near[query]), Vector256.Create(far[query]));
        var j = 0;
        for (; j <= columns - Vector256<T>.Count; j += Vector256<T>.Count)
        {
            var keys = (Vector256.Load(scores + j) + shift) * factor;
            var passed = Outside(keys, nearest, farthest);
            if (passed == 0) continue;
            for (; passed != 0; passed &= passed - 1)
            {
                var column = j + BitOperations.TrailingZeroCount(passed);
                Take(query, query, scores[column], row + column);
            }
            (nearest, farthest) = (Vector256.Create(near[query]), Vector256.Create(far[query]));
        }
        for (; j < columns; j++) Take(query, query, scores[j], row + j);
    }

    /// <summary>Takes a few columns of a tile for the rows that they belong to.</summary>
    /// <param name="scores">The first score of the first column.</param>
    /// <param name="height">Queries of the tile.</param>
    /// <param name="stride">Scores from one query to the next.</param>
    /// <param name="columns">The number of columns.</param>
    /// <param name="first">The first query of the tile.</param>
    /// <param name="row">The row of the first column.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void TakeColumns(T* scores, int height, int stride, int columns, int first, int row)
    {
        fixed (T* nearest = near, farthest = far)
            for (var i = first; i < first + height; i++, scores += stride)
            {
                var (shift, factor) = (Vector256.Create(shifts[i]), Vector256.Create(factors[i]));
                var j = 0;
                for (; j <= columns - Vector256<T>.Count; j += Vector256<T>.Count)
                {
                    var keys = (Vector256.Load(scores + j) + shift) * factor;
                    var passed = Outside(keys, Vector256.Load(nearest + row + j), Vector256.Load(farthest + row + j));
                    for (; passed != 0; passed &= passed - 1)
                    {
                        var column = j + BitOperations.TrailingZeroCount(passed);
                        Take(row + column, i, scores[column], i);
                    }
                }
                for (; j < columns; j++) Take(row + j, i, scores[j], i);
            }
    }

    /// <summary>Which keys are not between two limits, one bit each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Outside(Vector256<T> keys, Vector256<T> nearest, Vector256<T> farthest) =>
        (Vector256.LessThanOrEqual(keys, nearest) | Vector256.GreaterThanOrEqual(keys, farthest)).ExtractMostSignificantBits();

    /// <summary>Takes one score for a query.</summary>
    /// <param name="query">The query.</param>
    /// <param name="scored">The query that the score is of: the same, or the other row of the pair.</param>
    /// <param name="score">The score.</param>
    /// <param name="row">The row that is taken.</param>
    private void Take(int query, int scored, T score, int row)
    {
        var candidates = found[query] ??= new NeighborCandidates(width, gaps[query], other => source.Key(query, other));
        if (!candidates.Take(keyOf[scored].Of(KernelArrays.Widen(score)), row)) return;
        var (nearest, farthest) = (candidates.NearLimit, candidates.FarLimit);
        near[query] = T.BitIncrement(KernelArrays.Narrow<T>(nearest + Slack(nearest)));
        far[query] = T.BitDecrement(KernelArrays.Narrow<T>(farthest - Slack(farthest)));

        double Slack(double limit) => slack.Relative * (Math.Abs(limit) + reaches[query]) + slack.Smallest;
    }

    /// <summary>Whether the largest error is not far from the median one. Where tiles serve both ways, all rows have to take the largest,
    /// which would blur their candidates.</summary>
    private static bool AreAlike(double[] errors) => errors.Max() <= 4 * errors.Order().ElementAt(errors.Length / 2);
}
