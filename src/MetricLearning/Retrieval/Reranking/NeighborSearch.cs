using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Finds the rows that may be the nearest of each query, a tile of scores at a time.</summary>
/// <remarks>For each query it keeps only the rows that can still belong to the nearest, given the bound of the <see cref="ScoreSource"/>.
/// If queries and rows are one set, a tile serves both its rows and its columns, so only tiles on and above the diagonal are computed. The
/// candidates of all rows are then kept meanwhile.</remarks>
internal sealed unsafe class NeighborSearch
{
    private const long TileBytes = 32L << 20;
    private const int TurnedRows = 256, TurnedColumns = 16;     // a piece of a tile that stays in a core's cache while it is transposed

    private readonly ScoreSource source;
    private readonly int queries, count, width, step, block;
    private readonly ScalarType type;
    private readonly bool bothWays;
    private readonly KeyOfScore[] keyOf;
    private readonly double[] gaps;
    private readonly NeighborCandidates?[] found;

    /// <param name="source">The source of the scores.</param>
    /// <param name="queries">The number of queries that it has, at least 1.</param>
    /// <param name="count">The number of rows it has, at least 1.</param>
    /// <param name="width">The number of nearest rows to find.</param>
    /// <param name="tileRows">The number of rows per tile. A block has at most as many queries.</param>
    public NeighborSearch(ScoreSource source, int queries, int count, int width, int tileRows)
    {
        (this.source, this.queries, this.count, this.width) = (source, queries, count, width);
        (step, type) = (source.WholeRows ? count : tileRows, source.CountingType);
        block = (int)Math.Clamp(TileBytes / (Math.Min(step, count) * 4L), 1, tileRows);
        keyOf = new KeyOfScore[queries];
        for (var i = 0; i < queries; i++) keyOf[i] = source.KeyOf(i, type);
        var errors = Array.ConvertAll(keyOf, of => of.Error);
        bothWays = source.IsSymmetric && AreAlike(errors);
        gaps = bothWays ? Enumerable.Repeat(2 * errors.Max(), queries).ToArray() : Array.ConvertAll(errors, error => 2 * error);
        found = new NeighborCandidates?[queries];
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
            source.Begin(start, end - start, Math.Min(step, count), type);
            for (var row = bothWays ? start : 0; row < count; row += step)
            {
                using var tileScope = NewDisposeScope();
                var tile = source.Tile(row, Math.Min(step, count - row)).cpu().contiguous();
                if (tile.dtype == ScalarType.Float32) Scan<float>(tile, start, row);
                else Scan<double>(tile, start, row);
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

    /// <summary>Scores of all tiles.</summary>
    private double Work()
    {
        var work = 0.0;
        for (var first = 0; first < queries; first += block)
            work += (double)Math.Min(block, queries - first) * (bothWays ? count - first : count);
        return work;
    }

    /// <summary>Takes a tile's scores for its queries. If tiles serve queries and rows, it also takes them for its rows.</summary>
    private void Scan<T>(Tensor tile, int first, int row) where T : unmanaged
    {
        var (height, columns) = ((int)tile.size(0), (int)tile.size(1));
        var memory = (nint)TensorMemory.Of(tile);
        Threads.For(height, i => TakeRow(first + i, (T*)memory + (long)i * columns, columns, row));
        var below = Math.Max(0, first + height - row);     // columns of the block itself have already been compared
        if (!bothWays || below >= columns) return;
        Threads.For((columns - below + TurnedColumns - 1) / TurnedColumns, piece =>
        {
            var left = below + piece * TurnedColumns;
            TakeColumns((T*)memory + left, height, columns, Math.Min(TurnedColumns, columns - left), first, row + left);
        });
    }

    private void TakeRow<T>(int query, T* scores, int columns, int row) where T : unmanaged
    {
        var of = keyOf[query];
        var keys = Scratch.Doubles(columns);
        for (var j = 0; j < columns; j++) keys[j] = of.Of(KernelArrays.Widen(scores[j]));
        CandidatesOf(query).Take(keys, row);
    }

    /// <summary>Takes a few columns of a tile as rows of the transposed one.</summary>
    /// <param name="scores">The first score of the first column.</param>
    /// <param name="height">Queries of the tile.</param>
    /// <param name="stride">Scores from one query to the next.</param>
    /// <param name="columns">How many columns, at most <see cref="TurnedColumns"/>.</param>
    /// <param name="first">The first query of the tile.</param>
    /// <param name="row">The row of the first column.</param>
    private void TakeColumns<T>(T* scores, int height, int stride, int columns, int first, int row) where T : unmanaged
    {
        var turned = stackalloc T[TurnedColumns * TurnedRows];
        for (var top = 0; top < height; top += TurnedRows)
        {
            var rows = Math.Min(TurnedRows, height - top);
            Transpose.Write(scores + (long)top * stride, stride, rows, columns, turned, rows);
            var keys = Scratch.Doubles(rows);
            for (var c = 0; c < columns; c++)
            {
                for (var i = 0; i < rows; i++) keys[i] = keyOf[first + top + i].Of(KernelArrays.Widen(turned[c * rows + i]));
                CandidatesOf(row + c).Take(keys, first + top);
            }
        }
    }

    private NeighborCandidates CandidatesOf(int query) => found[query] ??= new NeighborCandidates(width, gaps[query]);

    /// <summary>Whether the largest error is not far from the median one. If tiles serve queries and rows, all rows would have to take the
    /// largest error, which would give more candidates.</summary>
    private static bool AreAlike(double[] errors) => errors.Max() <= 4 * errors.Order().ElementAt(errors.Length / 2);
}
