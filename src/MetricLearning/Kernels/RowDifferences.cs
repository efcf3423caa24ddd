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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Square<T>(T* x, T* y, int width) where T : unmanaged, IBinaryFloatingPointIeee754<T>
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
        Threads.For((width + share - 1) / share, task =>
        {
            var (start, end) = (task * share, Math.Min(width, (task + 1) * share));
            Clear(toLeft, rows);
            Clear(toRight, columns);
            foreach (var (row, column, factors) in pairs)
                for (var k = 0; k < factors.Length; k++)
                    if (factors[k] != 0) Add(row[k] * width, column[k] * width, KernelArrays.Narrow<T>(factors[k]));

            void Clear(T* gradient, long count)
            {
                for (long i = 0; i < count; i++) new Span<T>(gradient + i * width + start, end - start).Clear();
            }

            [MethodImpl(MethodImplOptions.AggressiveOptimization)]
            void Add(long a, long b, T factor)
            {
                var times = Vector256.Create(factor);
                for (var i = start; i < end; i += lanes)
                {
                    var gradient = (SimdRows.Load(left + a, i, end) - SimdRows.Load(right + b, i, end)) * times;
                    SimdRows.Add(toLeft + a, i, end, gradient);
                    SimdRows.Add(toRight + b, i, end, -gradient);
                }
            }
        });
    }
}
