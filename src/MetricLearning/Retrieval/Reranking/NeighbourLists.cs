using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The nearest rows of each query, nearest first and ties by index, and on request the key of the farthest row.</summary>
/// <remarks>
/// Found a tile of scores at a time: of each query only the scores are kept that can still belong to its nearest, given the bound of
/// the <see cref="ScoreSource"/>, and at the end these are measured exactly. So the lists are those of the exact keys, and the memory is
/// that of the lists and one tile.
/// </remarks>
internal sealed class NeighbourLists
{
    private const long TileBytes = 32L << 20;

    private readonly int[] rows;
    private readonly double[] keys;

    private NeighbourLists(int queries, int width)
    {
        Width = width;
        (rows, keys, FarthestKeys) = (new int[(long)queries * width], new double[(long)queries * width], new double[queries]);
    }

    /// <summary>Rows in each list: as many as were asked for, or all that there are.</summary>
    public int Width { get; }

    /// <summary>The key of each query's farthest row.</summary>
    public double[] FarthestKeys { get; }

    public ReadOnlySpan<int> Rows(int query) => rows.AsSpan(query * Width, Width);

    public ReadOnlySpan<double> Keys(int query) => keys.AsSpan(query * Width, Width);

    /// <param name="source">Where the scores come from.</param>
    /// <param name="queries">How many queries it has.</param>
    /// <param name="count">How many rows it has.</param>
    /// <param name="width">How many of them to list.</param>
    /// <param name="tileRows">Rows a tile, and queries a block.</param>
    public static NeighbourLists Of(ScoreSource source, int queries, int count, int width, int tileRows = 2048)
    {
        var lists = new NeighbourLists(queries, Math.Min(width, count));
        if (count == 0) return lists;
        var step = source.WholeRows ? count : tileRows;
        var block = (int)Math.Clamp(TileBytes / (Math.Min(step, count) * 4L), 1, tileRows);
        for (var query = 0; query < queries; query += block)
        {
            using var scope = NewDisposeScope();
            var found = new Candidates[Math.Min(block, queries - query)];
            source.Begin(query, found.Length, Math.Min(step, count), source.CountingType);
            for (var i = 0; i < found.Length; i++) found[i] = new Candidates(lists.Width, source.Gap(query + i, source.CountingType));
            for (var row = 0; row < count; row += step)
            {
                using var tileScope = NewDisposeScope();
                var tile = source.Tile(row, Math.Min(step, count - row)).cpu().contiguous();
                if (tile.dtype == ScalarType.Float32) Scan<float>(tile, found, row);
                else Scan<double>(tile, found, row);
            }
            var first = query;
            Threads.For(found.Length, i => lists.Settle(source, first + i, found[i]));
        }
        return lists;
    }

    private static unsafe void Scan<T>(Tensor tile, Candidates[] found, int row) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var count = (int)tile.size(1);
        var memory = (nint)NativeMemory.Of(tile);
        Threads.For(found.Length, i => found[i].Take(new ReadOnlySpan<T>((T*)memory + (long)i * count, count), row));
    }

    private void Settle(ScoreSource source, int query, Candidates found)
    {
        var near = found.Near().ToArray();
        var exact = new double[near.Length];
        for (var i = 0; i < near.Length; i++) exact[i] = source.Key(query, near[i]);
        var order = Enumerable.Range(0, near.Length).OrderBy(i => exact[i]).ThenBy(i => near[i]).Take(Width).ToArray();
        for (var i = 0; i < Width; i++) (rows[query * Width + i], keys[query * Width + i]) = (near[order[i]], exact[order[i]]);
        FarthestKeys[query] = found.Far().Max(row => source.Key(query, row));
    }

    /// <summary>What may belong to one query's nearest rows, and what may be its farthest.</summary>
    private sealed class Candidates(int width, double gap)
    {
        private double[] scores = new double[4 * width + 64];
        private int[] rows = new int[4 * width + 64];
        private readonly List<(double Score, int Row)> far = [];
        private int count;
        private double limit = double.PositiveInfinity, largest = double.NegativeInfinity;

        public void Take<T>(ReadOnlySpan<T> tile, int first) where T : unmanaged, IBinaryFloatingPointIeee754<T>
        {
            var vectors = MemoryMarshal.Cast<T, Vector512<T>>(tile);
            var lanes = Vector512<T>.Count;
            var top = Vector512.Create(T.NegativeInfinity);
            var bound = Up<T>(limit);
            for (var v = 0; v < vectors.Length; v++)
            {
                top = Vector512.Max(top, vectors[v]);
                var bits = Vector512.LessThanOrEqual(vectors[v], Vector512.Create(bound)).ExtractMostSignificantBits();
                if (bits == 0) continue;
                for (; bits != 0; bits &= bits - 1)
                {
                    var column = v * lanes + BitOperations.TrailingZeroCount(bits);
                    Add(double.CreateTruncating(tile[column]), first + column);
                }
                bound = Up<T>(limit);
            }
            var highest = T.NegativeInfinity;
            for (var lane = 0; lane < lanes; lane++) highest = T.Max(highest, top[lane]);
            for (var column = vectors.Length * lanes; column < tile.Length; column++)
            {
                highest = T.Max(highest, tile[column]);
                if (double.CreateTruncating(tile[column]) <= limit) Add(double.CreateTruncating(tile[column]), first + column);
            }
            TakeFar(tile, first, double.CreateTruncating(highest));
        }

        /// <summary>Rows of which the nearest are some.</summary>
        public ReadOnlySpan<int> Near()
        {
            Compact();
            return rows.AsSpan(0, count);
        }

        /// <summary>Rows of which the farthest is one.</summary>
        public IEnumerable<int> Far() => far.Where(f => f.Score >= largest - gap).Select(f => f.Row);

        private void TakeFar<T>(ReadOnlySpan<T> tile, int first, double highest) where T : unmanaged, IBinaryFloatingPointIeee754<T>
        {
            if (highest < largest - gap || (gap == 0 && highest <= largest)) return;
            largest = Math.Max(largest, highest);
            far.RemoveAll(f => f.Score < largest - gap);
            for (var column = 0; column < tile.Length; column++)
            {
                var score = double.CreateTruncating(tile[column]);
                if (score < largest - gap) continue;
                far.Add((score, first + column));
                if (gap == 0) return;       // scores are the keys: one is enough
            }
        }

        private void Add(double score, int row)
        {
            if (count == scores.Length)
            {
                Compact();
                if (count > scores.Length / 2)
                {
                    Array.Resize(ref scores, 2 * scores.Length);
                    Array.Resize(ref rows, scores.Length);
                }
                if (score > limit) return;
            }
            (scores[count], rows[count]) = (score, row);
            count++;
        }

        private void Compact()
        {
            if (count <= width) return;
            Array.Sort(scores, rows, 0, count);
            limit = scores[width - 1] + gap;
            while (scores[count - 1] > limit) count--;
        }

        /// <summary>The least number of the type that is not below the value.</summary>
        private static T Up<T>(double value) where T : unmanaged, IBinaryFloatingPointIeee754<T>
        {
            var rounded = T.CreateTruncating(value);
            return double.CreateTruncating(rounded) < value ? T.BitIncrement(rounded) : rounded;
        }
    }
}
