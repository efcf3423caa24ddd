using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The farthest positive and the nearest negative of each row of a batch that is compared with itself, without its distance
/// matrix.</summary>
/// <remarks>
/// The matrix is symmetric, so only the tiles on and above the diagonal are computed. Each tile is searched by rows and by columns while it
/// is in cache, and then overwritten by the next. A small batch is one tile. Memory: a copy of the rows, and one tile per thread. Among
/// equal distances the lowest index is taken; equal rows have distances of equal bits. The answer is the same for every number of threads.
/// </remarks>
internal sealed unsafe class HardestPairs
{
    private const int TileRows = 16 * TileProduct.Left, TileColumns = 16 * TileProduct.Right;

    private readonly float* rows, packed, squares, mean;
    private readonly int* identities;
    private readonly int count, padded, width, stride;
    private readonly bool selfIsPositive, isSquared;
    private readonly float factor, floor;
    private int nextBlock;

    private HardestPairs(float* rows, float* memory, int* identities, int count, int width, ProductOrdering form, bool selfIsPositive)
    {
        this.rows = rows;
        this.identities = identities;
        (this.count, this.width, this.selfIsPositive) = (count, width, selfIsPositive);
        (padded, stride) = (Padded(count), Stride(count, width));
        packed = memory;
        squares = packed + (long)padded * stride;
        mean = squares + padded;
        (isSquared, factor, floor) = (form.Squared, form.Squared ? 2 : 1, (float)form.Floor);
    }

    /// <summary>Whether the rows can be searched by this class: float32 on the CPU.</summary>
    public static bool Supports(Tensor rows) => rows.device_type == TorchSharp.DeviceType.CPU && rows.dtype == ScalarType.Float32;

    /// <summary>Finds the hardest pairs of a batch of at least one row.</summary>
    /// <param name="form">The rows, float32 on the CPU, and how their products order their distances.</param>
    /// <param name="labels">int64 [N] on the CPU.</param>
    /// <param name="selfIsPositive">Whether a row counts as a positive of itself.</param>
    /// <returns>For each row the columns of its positive and of its negative, −1 if it has none. Null if a row is not finite or is longer
    /// than 10¹⁸, or if Euclidean distances are asked for and a row is nearer than 10⁻¹⁵ to the mean row.</returns>
    public static (int[] Positives, int[] Negatives)? Find(ProductOrdering form, Tensor labels, bool selfIsPositive)
    {
        using var scope = NewDisposeScope();
        var contiguous = TensorMemory.Contiguous(form.Rows);
        var (count, width) = ((int)contiguous.size(0), (int)contiguous.size(1));
        var padded = Padded(count);
        var identities = Identities(labels, padded);
        // Native memory: a managed array cannot hold batches of gigabytes.
        var memory = (float*)System.Runtime.InteropServices.NativeMemory.AlignedAlloc(
            (nuint)(((long)padded * Stride(count, width) + padded + width) * sizeof(float)), 64);
        try
        {
            fixed (int* identity = identities)
            {
                var search = new HardestPairs((float*)TensorMemory.Of(contiguous), memory, identity, count, width, form, selfIsPositive);
                if (IsSmall(count)) return search.SearchRows(form.Squared);
                return search.PackRows(form.Squared) ? search.SearchBlocks() : null;
            }
        }
        finally
        {
            System.Runtime.InteropServices.NativeMemory.AlignedFree(memory);
            GC.KeepAlive(form.Rows);
        }
    }

    /// <summary>Whether the rows are multiplied as they lie in memory, without panels and tiles.</summary>
    private static bool IsSmall(int count) => count <= RowProducts.MostRows;

    /// <summary>The length of a packed row.</summary>
    private static int Stride(int count, int width) =>
        IsSmall(count) ? (width + RowProducts.Lanes - 1) / RowProducts.Lanes * RowProducts.Lanes : width;

    private static int Padded(int count) => (count + TileProduct.Right - 1) / TileProduct.Right * TileProduct.Right;

    /// <summary>Numbers the labels 0, 1, ... in order of appearance; −1 for padding.</summary>
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

    /// <summary>Packs the rows into panels and computes their squared lengths. Squared distances are measured from the mean row.</summary>
    /// <returns>False if a row is not finite or too long, or too short for the digits of its squares.</returns>
    private bool PackRows(bool squared)
    {
        ComputeMean(squared);
        var usable = true;
        Threads.For((padded + TileColumns - 1) / TileColumns, tile =>
        {
            var first = tile * TileColumns;
            var present = Math.Min(TileColumns, count - first);
            TileProduct.Pack(rows + (long)first * width, present, width, mean, TileProduct.Right, packed + (long)first * width);
            for (var panel = first; panel < first + present; panel += TileProduct.Right)
            {
                SumSquares(packed + (long)panel * width, squares + panel);
                for (var i = panel; i < Math.Min(panel + TileProduct.Right, count); i++)
                    if (!TakeSquare(i, squared)) usable = false;
            }
        });
        for (var i = count; i < padded; i++) squares[i] = float.PositiveInfinity;      // never the nearest
        return usable;
    }

    /// <summary>Checks the squared length of a row, and sets it to 0 if distances do not need it.</summary>
    /// <returns>False if the row is not finite or too long, or too short for the digits of its square.</returns>
    private bool TakeSquare(int row, bool squared)
    {
        var square = squares[row];
        if (!squared) squares[row] = 0;
        var digitsAreLost = square < SimdRows.LeastSquare<float>() && squared && count > 1;
        return !digitsAreLost && square < SimdRows.LargestSquare<float>();
    }

    /// <summary>Searches a small batch. Its rows are few enough to be multiplied at once.</summary>
    /// <returns>As <see cref="Find"/>.</returns>
    private (int[], int[])? SearchRows(bool squared)
    {
        var columns = (count + Vector256<float>.Count - 1) / Vector256<float>.Count * Vector256<float>.Count;
        ComputeMean(squared);
        for (var i = 0; i < columns; i++)
        {
            var row = packed + (long)i * stride;
            if (i < count) SubtractMean(rows + (long)i * width, row);
            else new Span<float>(row, width).Clear();
            new Span<float>(row + width, stride - width).Clear();
        }
        var best = new Best(padded);
        var products = ArrayPool<float>.Shared.Rent(columns * columns);
        fixed (float* p = products, far = best.Far, near = best.Near)
        fixed (int* farIndex = best.FarIndex, nearIndex = best.NearIndex)
        {
            RowProducts.Multiply(packed, columns, stride, p, TileProduct.IsWide);
            var usable = true;
            for (var i = 0; i < padded; i++) squares[i] = i < count ? p[i * columns + i] : float.PositiveInfinity;
            for (var i = 0; i < count; i++) usable &= TakeSquare(i, squared);
            for (var i = 0; usable && i < count; i++)
            {
                ProductsToDistances(p + i * columns, i, 0, columns);
                SearchRow(p + i * columns, i, 0, columns, new(far, near, farIndex, nearIndex), byColumns: false);
            }
            ArrayPool<float>.Shared.Return(products);
            return usable ? (best.FarIndex[..count], best.NearIndex[..count]) : null;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SubtractMean(float* row, float* to)
    {
        var k = 0;
        for (; k <= width - 8; k += 8) (Vector256.Load(row + k) - Vector256.Load(mean + k)).Store(to + k);
        for (; k < width; k++) to[k] = row[k] - mean[k];
    }

    /// <summary>The mean row for squared distances, and 0 for others.</summary>
    private void ComputeMean(bool squared)
    {
        new Span<float>(mean, width).Clear();
        if (!squared) return;
        for (var i = 0; i < count; i++) Add(rows + (long)i * width, mean);
        for (var k = 0; k < width; k++) mean[k] /= count;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(float* row, float* sum)
    {
        var k = 0;
        for (; k <= width - 8; k += 8) (Vector256.Load(sum + k) + Vector256.Load(row + k)).Store(sum + k);
        for (; k < width; k++) sum[k] += row[k];
    }

    /// <summary>The squared lengths of the rows of a panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SumSquares(float* panel, float* to)
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

    /// <summary>Searches all blocks of rows. Each worker takes the next block, and the workers' results are merged.</summary>
    private (int[], int[]) SearchBlocks()
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
                // The blocks of a worker ascend, so it finds the lowest index of equal distances first.
                for (int block; (block = Interlocked.Increment(ref nextBlock) - 1) < blocks;)
                    SearchBlock(block * TileRows, l, t, new(far, near, farIndex, nearIndex));
            }
            ArrayPool<float>.Shared.Return(left);
            ArrayPool<float>.Shared.Return(tile);
        });
        foreach (var other in workers.AsSpan(1)) workers[0].Merge(other);
        return (workers[0].FarIndex[..count], workers[0].NearIndex[..count]);
    }

    /// <summary>Compares a block of rows with all columns from the diagonal on. The tile on the diagonal is a full square, so its rows
    /// alone are searched.</summary>
    private void SearchBlock(int first, float* left, float* tile, Places best)
    {
        var present = Math.Min(TileRows, count - first);
        TileProduct.Pack(rows + (long)first * width, present, width, mean, TileProduct.Left, left);
        for (int column = first, columns; column < padded; column += columns)
        {
            columns = Math.Min(column == first ? TileRows : TileColumns, padded - column);
            TileProduct.Multiply(left, packed + (long)column * width, present, columns, width, tile, TileColumns);
            for (var i = 0; i < present; i++)
            {
                ProductsToDistances(tile + i * TileColumns, first + i, column, columns);
                SearchRow(tile + i * TileColumns, first + i, column, columns, best, column > first);
            }
        }
    }

    /// <summary>Turns the products of a row of a tile into numbers that order its distances, in place. Near pairs, whose digits cancel, are
    /// measured on the differences, as <see cref="EuclideanMatrix"/> measures them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ProductsToDistances(float* products, int row, int column, int columns)
    {
        var square = Vector256.Create(squares[row]);
        var (times, lowest) = (Vector256.Create(factor), Vector256.Create(floor));
        var anyNear = Vector256<float>.Zero;
        for (var j = 0; j < columns; j += 8)
        {
            var sums = square + Vector256.Load(squares + column + j);
            var distances = sums - times * Vector256.Load(products + j);
            anyNear |= EuclideanMatrix.IsNear(distances, sums);
            Vector256.Max(distances, lowest).Store(products + j);
        }
        if (isSquared && anyNear.AsInt32() != default) MeasureNearPairs(products, row, column, columns);
    }

    /// <summary>Computes the distances of the near pairs of a row of a tile again, from the differences. A row is at distance 0 from
    /// itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MeasureNearPairs(float* distances, int row, int column, int columns)
    {
        var square = Vector256.Create(squares[row]);
        var x = rows + (long)row * width;
        for (var j = 0; j < columns; j += 8)
        {
            var near = EuclideanMatrix.IsNear(Vector256.Load(distances + j), square + Vector256.Load(squares + column + j));
            for (var lanes = near.ExtractMostSignificantBits(); lanes != 0; lanes &= lanes - 1)
            {
                var k = j + BitOperations.TrailingZeroCount(lanes);
                if (column + k >= count) return;
                var exact = column + k == row ? 0 : SimdRows.SquaredDistance(x, rows + (long)(column + k) * width, width);
                distances[k] = Math.Max((float)exact, floor);
            }
        }
    }

    /// <summary>Searches one row of a tile: the columns are candidates of the row and, off the diagonal, the row is a candidate of the
    /// columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SearchRow(float* distances, int row, int column, int columns, Places best, bool byColumns)
    {
        var identity = Vector256.Create(identities[row]);
        var itself = Vector256.Create(selfIsPositive ? -1 : row);
        var rowIndex = Vector256.Create(row);
        var (far, farIndex) = (Vector256.Create(best.Far[row]), Vector256.Create(best.FarIndex[row]));
        var (near, nearIndex) = (Vector256.Create(best.Near[row]), Vector256.Create(best.NearIndex[row]));
        var index = Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7) + Vector256.Create(column);
        for (var j = column; j < column + columns; j += 8, distances += 8, index += Vector256.Create(8))
        {
            var distance = Vector256.Load(distances);
            var same = Vector256.Equals(Vector256.Load(identities + j), identity);
            var other = Vector256.ConditionalSelect(same.AsSingle(), Vector256.Create(float.PositiveInfinity), distance);
            var nearer = Vector256.LessThan(other, near);
            if (nearer.AsInt32() != default)
            {
                near = Vector256.ConditionalSelect(nearer, other, near);
                nearIndex = Vector256.ConditionalSelect(nearer.AsInt32(), index, nearIndex);
            }
            if (byColumns) TakeNearer(other, rowIndex, best.Near + j, best.NearIndex + j);
            if (same == default) continue;
            var positive = Vector256.AndNot(same, Vector256.Equals(index, itself)).AsSingle();
            var own = Vector256.ConditionalSelect(positive, distance, Vector256.Create(float.NegativeInfinity));
            var farther = Vector256.GreaterThan(own, far);
            far = Vector256.ConditionalSelect(farther, own, far);
            farIndex = Vector256.ConditionalSelect(farther.AsInt32(), index, farIndex);
            if (byColumns) TakeFarther(own, rowIndex, best.Far + j, best.FarIndex + j);
        }
        for (var lane = 0; lane < 8; lane++)
        {
            best.Farther(row, far[lane], farIndex[lane]);
            best.Nearer(row, near[lane], nearIndex[lane]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TakeNearer(Vector256<float> values, Vector256<int> row, float* lowest, int* index)
    {
        var lower = Vector256.LessThan(values, Vector256.Load(lowest));
        if (lower.AsInt32() == default) return;
        Vector256.ConditionalSelect(lower, values, Vector256.Load(lowest)).Store(lowest);
        Vector256.ConditionalSelect(lower.AsInt32(), row, Vector256.Load(index)).Store(index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TakeFarther(Vector256<float> values, Vector256<int> row, float* highest, int* index)
    {
        var higher = Vector256.GreaterThan(values, Vector256.Load(highest));
        Vector256.ConditionalSelect(higher, values, Vector256.Load(highest)).Store(highest);
        Vector256.ConditionalSelect(higher.AsInt32(), row, Vector256.Load(index)).Store(index);
    }

    /// <summary>The results of a worker for each row: distance and index of the farthest positive and of the nearest negative.</summary>
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

        public void Merge(Best other)
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

    /// <summary>The pinned arrays of a <see cref="Best"/>.</summary>
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
