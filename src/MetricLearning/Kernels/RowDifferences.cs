using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Squared distances of K chosen pairs of rows and their backward pass, without a matrix [K, D].</summary>
/// <remarks>
/// float32 and float64 on the CPU. The backward pass adds the pairs in their order; each thread adds its own columns, so the bits are the
/// same for every number of threads.
/// </remarks>
internal static unsafe class RowDifferences
{
    private const int PairsPerTask = 256;

    /// <summary>The numbers of x that a thread reads in a block of columns. With their gradients they fit into the first cache.</summary>
    private const long BlockNumbers = 1 << 12;

    /// <summary>The smallest width of a block. A smaller one would not be worth the work that each pair takes.</summary>
    private const long FewestColumns = 64;

    /// <summary><c>‖x[rows] − y[columns]‖²</c>: K numbers for each list of columns.</summary>
    /// <param name="x">[N, D], contiguous.</param>
    /// <param name="y">[M, D], contiguous; null if it is x.</param>
    /// <param name="rows">K row indices of x.</param>
    /// <param name="columns">Lists of K row indices of y.</param>
    public static double[][] Squares(Tensor x, Tensor? y, long[] rows, params long[][] columns)
    {
        var (left, right) = ((nint)TensorMemory.Of(x), (nint)(y is null ? null : TensorMemory.Of(y)));
        if (y is null) right = left;
        var single = x.dtype == ScalarType.Float32;
        var width = (int)x.size(1);
        return Array.ConvertAll(columns, list =>
        {
            var squares = new double[rows.Length];
            if (single) Measure((float*)left, (float*)right, rows, list, width, squares);
            else Measure((double*)left, (double*)right, rows, list, width, squares);
            return squares;
        });
    }

    /// <summary>Sums <c>factor·(x[row] − y[column])</c> of all pairs into the gradient of the row, and subtracts it from the gradient of
    /// the column.</summary>
    /// <param name="x">[N, D], contiguous.</param>
    /// <param name="y">[M, D], contiguous; null if it is x, whose gradient then takes both.</param>
    /// <param name="pairs">Lists of pairs, each pair with its factor.</param>
    public static Tensor?[] Gradients(Tensor x, Tensor? y, params (long[] Rows, long[] Columns, double[] Factors)[] pairs)
    {
        var (dx, dy) = (empty_like(x), y is null ? null : empty_like(y));
        if (x.dtype == ScalarType.Float32) AddPairs<float>(x, y, dx, dy, pairs);
        else AddPairs<double>(x, y, dx, dy, pairs);
        return [dx, dy];
    }

    private static void Measure<T>(T* x, T* y, long[] rows, long[] columns, int width, double[] squares)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Threads.For((squares.Length + PairsPerTask - 1) / PairsPerTask, task =>
        {
            for (var k = task * PairsPerTask; k < Math.Min(squares.Length, (task + 1) * PairsPerTask); k++)
                squares[k] = Square(x + rows[k] * width, y + columns[k] * width, width);
        }, work: (long)squares.Length * width);

    /// <summary>The squared distance of two rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Square<T>(T* x, T* y, int width) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var lanes = Vector256<T>.Count;
        Vector256<T> even = default, odd = default;
        var i = 0;
        for (; i <= width - 2 * lanes; i += 2 * lanes)
        {
            var (first, second) = (Vector256.Load(x + i) - Vector256.Load(y + i),
                Vector256.Load(x + i + lanes) - Vector256.Load(y + i + lanes));
            even += first * first;
            odd += second * second;
        }
        var sum = KernelArrays.Widen(Vector256.Sum(even + odd));
        for (; i < width; i++)
        {
            var difference = KernelArrays.Widen(x[i]) - KernelArrays.Widen(y[i]);
            sum += difference * difference;
        }
        return SimdRows.InRange(sum, x, y, width);
    }

    private static void AddPairs<T>(Tensor x, Tensor? y, Tensor dx, Tensor? dy, (long[] Rows, long[] Columns, double[] Factors)[] pairs)
        where T : unmanaged
    {
        T* left = (T*)TensorMemory.Of(x), toLeft = (T*)TensorMemory.Of(dx);
        T* right = y is null ? left : (T*)TensorMemory.Of(y), toRight = dy is null ? toLeft : (T*)TensorMemory.Of(dy);
        var (rows, columns, width, lanes) = (x.size(0), y?.size(0) ?? 0, (int)x.size(1), Vector256<T>.Count);
        var work = (rows + columns + pairs.Sum(list => (long)list.Factors.Length)) * width;
        var threads = Threads.IsSmall(work) ? 1 : Math.Min(get_num_threads(), Math.Max(1, width / (8 * lanes)));
        var share = ((width + threads - 1) / threads + lanes - 1) / lanes * lanes;
        // A thread adds all pairs in a block of columns before it takes the next block, so the rows of a block stay in its cache.
        var block = (int)Math.Max(FewestColumns, BlockNumbers / Math.Max(1, rows + columns)) / lanes * lanes;
        Threads.For((width + share - 1) / share, task =>
        {
            for (int start = task * share, last = Math.Min(width, start + share), end; start < last; start = end)
            {
                end = Math.Min(last, start + block);
                Clear(toLeft, rows, width, start, end);
                Clear(toRight, columns, width, start, end);
                foreach (var (row, column, factors) in pairs)
                    for (var k = 0; k < factors.Length; k++)
                        if (factors[k] != 0)
                            Add(left + row[k] * width, right + column[k] * width, KernelArrays.Narrow<T>(factors[k]), start, end,
                                toLeft + row[k] * width, toRight + column[k] * width);
            }
        });
    }

    private static void Clear<T>(T* gradient, long count, int width, int start, int end) where T : unmanaged
    {
        for (long i = 0; i < count; i++) new Span<T>(gradient + i * width + start, end - start).Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<T>(T* x, T* y, T factor, int start, int end, T* toX, T* toY) where T : unmanaged
    {
        var (times, lanes, i) = (Vector256.Create(factor), Vector256<T>.Count, start);
        for (; i <= end - lanes; i += lanes)
        {
            var gradient = (Vector256.Load(x + i) - Vector256.Load(y + i)) * times;
            (Vector256.Load(toX + i) + gradient).Store(toX + i);
            (Vector256.Load(toY + i) - gradient).Store(toY + i);
        }
        if (i == end) return;
        var rest = (SimdRows.Load(x, i, end) - SimdRows.Load(y, i, end)) * times;
        SimdRows.Add(toX, i, end, rest);
        SimdRows.Add(toY, i, end, -rest);
    }
}
