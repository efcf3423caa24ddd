using System.Buffers;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The farthest positive and the nearest negative of each row of a batch that meets itself, without its distance matrix.</summary>
/// <remarks>
/// The matrix is symmetric: only tiles on and above the diagonal are scored, each is searched by rows and by columns while it is in cache,
/// and forgotten. Memory: the rows once more, and a tile a thread. Of equal distances the lowest index is taken; equal rows have equal
/// bits. The answer is the same for every number of threads.
/// </remarks>
internal sealed unsafe class HardestPairs
{
    private const int TileRows = 16 * TileProduct.Left, TileColumns = 16 * TileProduct.Right;
    private const float LargestSquare = 1e36f;      // sums of two such, and their products, are finite

    private readonly float* rows, packed, squares, mean;
    private readonly int* identities;
    private readonly int count, padded, width;
    private readonly bool selfIsPositive;
    private readonly float factor, floor;
    private int next;

    private HardestPairs(float* rows, float* memory, int* identities, int count, int width, ProductOrdering form, bool selfIsPositive)
    {
        this.rows = rows;
        this.identities = identities;
        (this.count, this.width, this.selfIsPositive) = (count, width, selfIsPositive);
        padded = Padded(count);
        packed = memory;
        squares = packed + (long)padded * width;
        mean = squares + padded;
        (factor, floor) = (form.Squared ? 2 : 1, (float)form.Floor);
    }

    /// <summary>Whether rows can be searched so.</summary>
    public static bool Suits(Tensor rows) => rows.device_type == TorchSharp.DeviceType.CPU && rows.dtype == ScalarType.Float32;

    /// <summary>Finds the pairs of a batch of at least one row.</summary>
    /// <param name="form">The rows, float32 on the CPU, and what their products say of their distance.</param>
    /// <param name="labels">int64 [N] on the CPU.</param>
    /// <param name="selfIsPositive">Whether a row is a positive of itself.</param>
    /// <returns>For each row the column of its positive and of its negative, −1 where there is none; null where a row is not finite, or
    /// longer than 10¹⁸.</returns>
    public static (int[] Positives, int[] Negatives)? Find(ProductOrdering form, Tensor labels, bool selfIsPositive)
    {
        using var scope = NewDisposeScope();
        var contiguous = TensorMemory.Contiguous(form.Rows);
        var (count, width) = ((int)contiguous.size(0), (int)contiguous.size(1));
        var padded = Padded(count);
        var identities = Identities(labels, padded);
        // More than a managed array could hold, for batches of gigabytes.
        var memory = (float*)System.Runtime.InteropServices.NativeMemory.AlignedAlloc(
            (nuint)(((long)padded * width + padded + width) * sizeof(float)), 64);
        try
        {
            fixed (int* identity = identities)
            {
                var search = new HardestPairs((float*)TensorMemory.Of(contiguous), memory, identity, count, width, form, selfIsPositive);
                return search.Prepare(form.Squared) ? search.Run() : null;
            }
        }
        finally
        {
            System.Runtime.InteropServices.NativeMemory.AlignedFree(memory);
            GC.KeepAlive(form.Rows);
        }
    }

    private static int Padded(int count) => (count + TileProduct.Right - 1) / TileProduct.Right * TileProduct.Right;

    /// <summary>Labels as 0, 1, ...; −1 past the end.</summary>
    private static int[] Identities(Tensor labels, int padded)
    {
        var numbers = new Dictionary<long, int>();
        var identities = new int[padded];
        Array.Fill(identities, -1);
        var contiguous = TensorMemory.Contiguous(labels);
        var values = new ReadOnlySpan<long>(TensorMemory.Of(contiguous), (int)contiguous.size(0));
        for (var i = 0; i < values.Length; i++)
        {
            if (!numbers.TryGetValue(values[i], out var number)) numbers[values[i]] = number = numbers.Count;
            identities[i] = number;
        }
        GC.KeepAlive(labels);
        return identities;
    }

    /// <summary>Packs the rows, about their mean where it makes no difference, and takes their squares; false where one is too long or
    /// not finite.</summary>
    private bool Prepare(bool squared)
    {
        new Span<float>(squares, padded + width).Clear();
        if (squared)
        {
            for (var i = 0; i < count; i++) Add(rows + (long)i * width, mean);
            for (var k = 0; k < width; k++) mean[k] /= count;
        }
        var usable = true;
        Threads.For((padded + TileColumns - 1) / TileColumns, tile =>
        {
            var first = tile * TileColumns;
            var present = Math.Min(TileColumns, count - first);
            TileProduct.Pack(rows + (long)first * width, present, width, mean, TileProduct.Right, packed + (long)first * width);
            for (var panel = first; panel < first + present; panel += TileProduct.Right)
            {
                Squares(packed + (long)panel * width, squares + panel);
                for (var i = panel; i < Math.Min(panel + TileProduct.Right, count); i++)
                {
                    if (!(squares[i] < LargestSquare)) usable = false;
                    if (!squared) squares[i] = 0;
                }
            }
        });
        for (var i = count; i < padded; i++) squares[i] = float.PositiveInfinity;      // never the nearest
        return usable;
    }

    private void Add(float* row, float* sum)
    {
        var k = 0;
        for (; k <= width - 8; k += 8) (Vector256.Load(sum + k) + Vector256.Load(row + k)).Store(sum + k);
        for (; k < width; k++) sum[k] += row[k];
    }

    private void Squares(float* panel, float* to)
    {
        Vector256<float> first = default, second = default;
        for (var end = panel + (long)width * TileProduct.Right; panel < end; panel += TileProduct.Right)
        {
            var (x, y) = (Vector256.Load(panel), Vector256.Load(panel + 8));
            first += x * x;
            second += y * y;
        }
        first.Store(to);
        second.Store(to + 8);
    }

    private (int[], int[]) Run()
    {
        var blocks = (count + TileRows - 1) / TileRows;
        var workers = new Best[blocks == 1 ? 1 : Math.Min(get_num_threads(), blocks)];
        Threads.For(workers.Length, w =>
        {
            var best = workers[w] = new Best(padded);
            var left = ArrayPool<float>.Shared.Rent(TileRows * width);
            var tile = ArrayPool<float>.Shared.Rent(TileRows * TileColumns);
            fixed (float* l = left, t = tile, far = best.Far, near = best.Near)
            fixed (int* farIndex = best.FarIndex, nearIndex = best.NearIndex)
            {
                // The blocks of a worker ascend, so that of equal distances it meets that of the lowest index first.
                for (int block; (block = Interlocked.Increment(ref next) - 1) < blocks;)
                    Block(block * TileRows, l, t, new(far, near, farIndex, nearIndex));
            }
            ArrayPool<float>.Shared.Return(left);
            ArrayPool<float>.Shared.Return(tile);
        });
        foreach (var other in workers.AsSpan(1)) workers[0].Take(other);
        return (workers[0].FarIndex[..count], workers[0].NearIndex[..count]);
    }

    /// <summary>A block of rows against all from the diagonal on. The square on the diagonal is whole, and searched by its rows
    /// alone.</summary>
    private void Block(int first, float* left, float* tile, Places best)
    {
        var present = Math.Min(TileRows, count - first);
        TileProduct.Pack(rows + (long)first * width, present, width, mean, TileProduct.Left, left);
        for (int column = first, columns; column < padded; column += columns)
        {
            columns = Math.Min(column == first ? TileRows : TileColumns, padded - column);
            TileProduct.Multiply(left, packed + (long)column * width, present, columns, width, tile, TileColumns);
            for (var i = 0; i < present; i++) Row(tile + i * TileColumns, first + i, column, columns, best, column > first);
        }
    }

    /// <summary>The entries of a row of a tile: candidates of the row, and the row a candidate of their columns.</summary>
    private void Row(float* products, int row, int column, int columns, Places best, bool byColumns)
    {
        var identity = Vector256.Create(identities[row]);
        var itself = Vector256.Create(selfIsPositive ? -1 : row);
        var rowIndex = Vector256.Create(row);
        var square = Vector256.Create(squares[row]);
        var (times, lowest) = (Vector256.Create(factor), Vector256.Create(floor));
        var (far, farIndex) = (Vector256.Create(best.Far[row]), Vector256.Create(best.FarIndex[row]));
        var (near, nearIndex) = (Vector256.Create(best.Near[row]), Vector256.Create(best.NearIndex[row]));
        var index = Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7) + Vector256.Create(column);
        for (var j = column; j < column + columns; j += 8, products += 8, index += Vector256.Create(8))
        {
            var distance = Vector256.Max(square + Vector256.Load(squares + j) - times * Vector256.Load(products), lowest);
            var same = Vector256.Equals(Vector256.Load(identities + j), identity);
            var other = Vector256.ConditionalSelect(same.AsSingle(), Vector256.Create(float.PositiveInfinity), distance);
            var nearer = Vector256.LessThan(other, near);
            if (nearer.AsInt32() != default)
            {
                near = Vector256.ConditionalSelect(nearer, other, near);
                nearIndex = Vector256.ConditionalSelect(nearer.AsInt32(), index, nearIndex);
            }
            if (byColumns) Lower(other, rowIndex, best.Near + j, best.NearIndex + j);
            if (same == default) continue;
            var positive = Vector256.AndNot(same, Vector256.Equals(index, itself)).AsSingle();
            var own = Vector256.ConditionalSelect(positive, distance, Vector256.Create(float.NegativeInfinity));
            var farther = Vector256.GreaterThan(own, far);
            far = Vector256.ConditionalSelect(farther, own, far);
            farIndex = Vector256.ConditionalSelect(farther.AsInt32(), index, farIndex);
            if (byColumns) Raise(own, rowIndex, best.Far + j, best.FarIndex + j);
        }
        for (var lane = 0; lane < 8; lane++)
        {
            best.Farther(row, far[lane], farIndex[lane]);
            best.Nearer(row, near[lane], nearIndex[lane]);
        }
    }

    private static void Lower(Vector256<float> values, Vector256<int> row, float* lowest, int* index)
    {
        var lower = Vector256.LessThan(values, Vector256.Load(lowest));
        if (lower.AsInt32() == default) return;
        Vector256.ConditionalSelect(lower, values, Vector256.Load(lowest)).Store(lowest);
        Vector256.ConditionalSelect(lower.AsInt32(), row, Vector256.Load(index)).Store(index);
    }

    private static void Raise(Vector256<float> values, Vector256<int> row, float* highest, int* index)
    {
        var higher = Vector256.GreaterThan(values, Vector256.Load(highest));
        Vector256.ConditionalSelect(higher, values, Vector256.Load(highest)).Store(highest);
        Vector256.ConditionalSelect(higher.AsInt32(), row, Vector256.Load(index)).Store(index);
    }

    /// <summary>What a worker has found: for each row the distance and the index of its farthest positive and nearest negative.</summary>
    private sealed class Best
    {
        public readonly float[] Far, Near;
        public readonly int[] FarIndex, NearIndex;

        public Best(int rows)
        {
            (Far, Near, FarIndex, NearIndex) = (new float[rows], new float[rows], new int[rows], new int[rows]);
            Array.Fill(Far, float.NegativeInfinity);
            Array.Fill(Near, float.PositiveInfinity);
            Array.Fill(FarIndex, -1);
            Array.Fill(NearIndex, -1);
        }

        public void Take(Best other)
        {
            fixed (float* far = Far, near = Near)
            fixed (int* farIndex = FarIndex, nearIndex = NearIndex)
            {
                var mine = new Places(far, near, farIndex, nearIndex);
                for (var row = 0; row < Far.Length; row++)
                {
                    mine.Farther(row, other.Far[row], other.FarIndex[row]);
                    mine.Nearer(row, other.Near[row], other.NearIndex[row]);
                }
            }
        }
    }

    /// <summary>The same, pinned.</summary>
    private readonly struct Places(float* far, float* near, int* farIndex, int* nearIndex)
    {
        public readonly float* Far = far, Near = near;
        public readonly int* FarIndex = farIndex, NearIndex = nearIndex;

        public void Farther(int row, float distance, int index)
        {
            if (distance > Far[row] || (distance == Far[row] && index < FarIndex[row])) (Far[row], FarIndex[row]) = (distance, index);
        }

        public void Nearer(int row, float distance, int index)
        {
            if (distance < Near[row] || (distance == Near[row] && index < NearIndex[row])) (Near[row], NearIndex[row]) = (distance, index);
        }
    }
}
