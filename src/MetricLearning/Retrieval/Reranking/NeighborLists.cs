using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The nearest rows of each query, nearest first and ties by index, and on request the key of the farthest row.</summary>
/// <remarks>
/// Found a tile of scores at a time: of each query only those rows are kept that can still belong to its nearest, given the bound of
/// the <see cref="ScoreSource"/>, and at the end these are measured exactly. So the lists are those of the exact keys, and the memory is
/// that of the lists and one tile. Where queries and rows are one set, a tile serves both ways, and only those on and above the diagonal
/// are made; then all rows' candidates are kept meanwhile.
/// </remarks>
internal sealed class NeighborLists
{
    private const long TileBytes = 32L << 20;
    private const int TurnedRows = 256;     // 16 columns of so many rows stay in a core's cache

    private readonly int[] rows;
    private readonly double[] keys;

    private NeighborLists(int queries, int width)
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
    public static NeighborLists Of(ScoreSource source, int queries, int count, int width, int tileRows = 2048)
    {
        var lists = new NeighborLists(queries, Math.Min(width, count));
        if (count == 0 || queries == 0) return lists;
        var (step, type) = (source.WholeRows ? count : tileRows, source.CountingType);
        var block = (int)Math.Clamp(TileBytes / (Math.Min(step, count) * 4L), 1, tileRows);
        var keyOf = new KeyOfScore[queries];
        for (var i = 0; i < queries; i++) keyOf[i] = source.KeyOf(i, type);
        var errors = Array.ConvertAll(keyOf, of => of.Error);
        var bothWays = source.IsSymmetric && AreAlike(errors);
        var gaps = bothWays ? Enumerable.Repeat(2 * errors.Max(), queries).ToArray() : Array.ConvertAll(errors, error => 2 * error);
        var found = new Candidates?[queries];
        for (var query = 0; query < queries; query += block)
        {
            using var scope = NewDisposeScope();
            var (first, end) = (query, Math.Min(query + block, queries));
            source.Begin(first, end - first, Math.Min(step, count), type);
            for (var row = bothWays ? first : 0; row < count; row += step)
            {
                using var tileScope = NewDisposeScope();
                var tile = source.Tile(row, Math.Min(step, count - row)).cpu().contiguous();
                if (tile.dtype == ScalarType.Float32) Scan<float>(tile, row);
                else Scan<double>(tile, row);
            }
            Threads.For(end - first, i =>
            {
                lists.Settle(source, first + i, found[first + i]!);
                found[first + i] = null;
            });

            unsafe void Scan<T>(Tensor tile, int row) where T : unmanaged
            {
                var (height, width) = ((int)tile.size(0), (int)tile.size(1));
                var memory = (nint)TensorMemory.Of(tile);
                Threads.For(height, i =>
                {
                    var keys = Scratch.Doubles(width);
                    var scores = (T*)memory + (long)i * width;
                    for (var j = 0; j < width; j++) keys[j] = keyOf[first + i].Of(KernelArrays.Widen(scores[j]));
                    CandidatesOf(first + i).Take(keys, row);
                });
                var below = Math.Max(0, end - row);     // columns of the block itself have seen one another
                if (!bothWays || below >= width) return;
                const int together = 16;
                Threads.For((width - below + together - 1) / together, piece =>
                {
                    var left = below + piece * together;
                    var columns = Math.Min(together, width - left);
                    var turned = stackalloc T[together * TurnedRows];
                    for (var top = 0; top < height; top += TurnedRows)
                    {
                        var rows = Math.Min(TurnedRows, height - top);
                        Transpose.Write((T*)memory + (long)top * width + left, width, rows, columns, turned, rows);
                        var keys = Scratch.Doubles(rows);
                        for (var c = 0; c < columns; c++)
                        {
                            for (var i = 0; i < rows; i++) keys[i] = keyOf[first + top + i].Of(KernelArrays.Widen(turned[c * rows + i]));
                            CandidatesOf(row + left + c).Take(keys, first + top);
                        }
                    }
                });
            }

            Candidates CandidatesOf(int i) => found[i] ??= new Candidates(lists.Width, gaps[i]);
        }
        return lists;
    }

    /// <summary>Whether the largest error is not far from the usual one, since all rows have to take it where tiles serve both
    /// ways.</summary>
    private static bool AreAlike(double[] errors) => errors.Max() <= 4 * errors.Order().ElementAt(errors.Length / 2);

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
        private readonly List<(double Key, int Row)> far = [];
        private double[] keys = new double[2 * width + 32];
        private int[] rows = new int[2 * width + 32];
        private int count;
        private double limit = double.PositiveInfinity, largest = double.NegativeInfinity;

        /// <param name="some">About the keys of rows.</param>
        /// <param name="first">The first of these rows.</param>
        public void Take(ReadOnlySpan<double> some, int first)
        {
            var vectors = MemoryMarshal.Cast<double, Vector512<double>>(some);
            var lanes = Vector512<double>.Count;
            var top = Vector512.Create(double.NegativeInfinity);
            for (var v = 0; v < vectors.Length; v++)
            {
                top = Vector512.Max(top, vectors[v]);
                var bits = Vector512.LessThanOrEqual(vectors[v], Vector512.Create(limit)).ExtractMostSignificantBits();
                for (; bits != 0; bits &= bits - 1)
                {
                    var column = v * lanes + BitOperations.TrailingZeroCount(bits);
                    Add(some[column], first + column);
                }
            }
            var highest = double.NegativeInfinity;
            for (var lane = 0; lane < lanes; lane++) highest = Math.Max(highest, top[lane]);
            for (var column = vectors.Length * lanes; column < some.Length; column++)
            {
                highest = Math.Max(highest, some[column]);
                if (some[column] <= limit) Add(some[column], first + column);
            }
            TakeFar(some, first, highest);
        }

        /// <summary>Rows of which the nearest are some.</summary>
        public ReadOnlySpan<int> Near()
        {
            Compact();
            return rows.AsSpan(0, count);
        }

        /// <summary>Rows of which the farthest is one.</summary>
        public IEnumerable<int> Far() => far.Where(f => f.Key >= largest - gap).Select(f => f.Row);

        private void TakeFar(ReadOnlySpan<double> some, int first, double highest)
        {
            if (highest < largest - gap || (gap == 0 && highest <= largest)) return;
            largest = Math.Max(largest, highest);
            far.RemoveAll(f => f.Key < largest - gap);
            for (var column = 0; column < some.Length; column++)
            {
                if (some[column] < largest - gap) continue;
                far.Add((some[column], first + column));
                if (gap == 0) return;       // these are the keys: one is enough
            }
        }

        private void Add(double key, int row)
        {
            if (count == keys.Length)
            {
                Compact();
                if (count > keys.Length / 2)
                {
                    Array.Resize(ref keys, 2 * keys.Length);
                    Array.Resize(ref rows, keys.Length);
                }
                if (key > limit) return;
            }
            (keys[count], rows[count]) = (key, row);
            count++;
        }

        private void Compact()
        {
            if (count <= width) return;
            Array.Sort(keys, rows, 0, count);
            limit = keys[width - 1] + gap;
            while (keys[count - 1] > limit) count--;
        }
    }
}
