using System.Globalization;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The Euclidean distances of chosen pairs, [K], on differences; neither way makes anything of size K·D.</summary>
/// <remarks>
/// The way back: <c>∂d/∂x = (x − y)/d</c>, 0 where d is 0 (of the squared distance 2(x − y)), added pair after pair, each thread in its
/// own columns: the
/// same bits for every number of threads. A gradient of the gradient is made by tensor operations, and so is everything but float32 and
/// float64 on the CPU.
/// </remarks>
internal sealed unsafe class SelectedDistances : autograd.SingleTensorFunction<SelectedDistances>
{
    private const int PairsAtOnce = 256;

    /// <inheritdoc/>
    public override string Name => nameof(SelectedDistances);

    /// <summary>‖x[rows] − y[columns]‖, or its square.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[M, D]; x itself where a batch meets itself.</param>
    /// <param name="rows">int64 [K].</param>
    /// <param name="columns">int64 [K].</param>
    /// <param name="squared">Whether the square is meant.</param>
    public static Tensor Of(Tensor x, Tensor y, Tensor rows, Tensor columns, bool squared)
    {
        if (x.device_type != TorchSharp.DeviceType.CPU || x.dtype is not (ScalarType.Float32 or ScalarType.Float64))
            return Plain(x, y, rows, columns, squared);
        using var scope = NewDisposeScope();
        RequireInside(rows = rows.contiguous(), x.size(0), nameof(rows));
        RequireInside(columns = columns.contiguous(), y.size(0), nameof(columns));
        var (left, right) = (x.contiguous(), ReferenceEquals(x, y) ? null : y.contiguous());
        return apply(left, right!, rows, columns, squared).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, y, rows, columns, squared) = ((Tensor)vars[0], (Tensor?)vars[1], (Tensor)vars[2], (Tensor)vars[3], (bool)vars[4]);
        var distances = empty(rows.size(0), x.dtype);
        if (x.dtype == ScalarType.Float32) Measure<float>(x, y ?? x, rows, columns, squared, distances);
        else Measure<double>(x, y ?? x, rows, columns, squared, distances);
        ctx.save_for_backward(y is null ? [x, rows, columns, distances] : [x, rows, columns, distances, y]);
        ctx.save_data(nameof(squared), squared);
        return distances;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (saved, squared) = (ctx.get_saved_variables(), (bool)ctx.get_data("squared"));
        var (x, rows, columns) = (saved[0], saved[1], saved[2]);
        var y = saved.Count > 4 ? saved[4] : null;
        var (dx, dy) = is_grad_enabled()
            ? PlainGradients(x, y, rows, columns, squared, grad_output)
            : Gradients(x, y, rows, columns, Slopes(saved[3], grad_output, squared));
        grad_output.Dispose();
        return Gradient.Of(dx, dy, null, null, null);
    }

    private static Tensor Plain(Tensor x, Tensor y, Tensor rows, Tensor columns, bool squared)
    {
        using var scope = NewDisposeScope();
        var differences = x.index_select(0, rows) - y.index_select(0, columns);
        return (squared ? differences.pow(S(2)).sum(1) : differences.norm(1)).MoveToOuterDisposeScope();
    }

    private static (Tensor, Tensor?) PlainGradients(Tensor x, Tensor? y, Tensor rows, Tensor columns, bool squared, Tensor gradient)
    {
        var differences = x.index_select(0, rows) - (y ?? x).index_select(0, columns);
        var parts = differences * Slopes(differences.norm(1), gradient, squared).unsqueeze(1);
        var dx = zeros_like(x).index_add(0, rows, parts, S(1));
        return y is null ? (dx.index_add(0, columns, parts, S(-1)), null) : (dx, zeros_like(y).index_add(0, columns, parts, S(-1)));
    }

    /// <summary>What x − y is multiplied with, [K].</summary>
    private static Tensor Slopes(Tensor distances, Tensor gradient, bool squared)
    {
        if (squared) return S(2) * gradient;
        var zero = distances == S(0);
        return gradient.masked_fill(zero, S(0)) / distances.masked_fill(zero, S(1));
    }

    private static (Tensor, Tensor?) Gradients(Tensor x, Tensor? y, Tensor rows, Tensor columns, Tensor slopes)
    {
        var (dx, dy) = (zeros_like(x), y is null ? null : zeros_like(y));
        slopes = slopes.contiguous();
        if (x.dtype == ScalarType.Float32) Spread<float>(x, y ?? x, rows, columns, slopes, dx, dy ?? dx);
        else Spread<double>(x, y ?? x, rows, columns, slopes, dx, dy ?? dx);
        return (dx, dy);
    }

    private static void Measure<T>(Tensor x, Tensor y, Tensor rows, Tensor columns, bool squared, Tensor distances) where T : unmanaged
    {
        T* left = (T*)NativeMemory.Of(x), right = (T*)NativeMemory.Of(y), to = (T*)NativeMemory.Of(distances);
        long* row = (long*)NativeMemory.Of(rows), column = (long*)NativeMemory.Of(columns);
        var (count, width) = ((int)rows.size(0), (int)x.size(1));
        Threads.For((count + PairsAtOnce - 1) / PairsAtOnce, part =>
        {
            for (var k = part * PairsAtOnce; k < Math.Min(count, (part + 1) * PairsAtOnce); k++)
            {
                var square = SquaredDistance(left + row[k] * width, right + column[k] * width, width);
                if (typeof(T) == typeof(float)) ((float*)to)[k] = squared ? (float)square : (float)Math.Sqrt(square);
                else ((double*)to)[k] = squared ? square : Math.Sqrt(square);
            }
        });
    }

    private static double SquaredDistance<T>(T* x, T* y, int width) where T : unmanaged
    {
        var lanes = Vector256<T>.Count;
        Vector256<T> even = default, odd = default;
        var i = 0;
        for (; i <= width - 2 * lanes; i += 2 * lanes)
        {
            var (first, second) = (Vector256.Load(x + i) - Vector256.Load(y + i), Vector256.Load(x + i + lanes) - Vector256.Load(y + i + lanes));
            even += first * first;
            odd += second * second;
        }
        var sum = Widen(Vector256.Sum(even + odd));
        for (; i < width; i++)
        {
            var difference = Widen(x[i]) - Widen(y[i]);
            sum += difference * difference;
        }
        return sum;
    }

    private static double Widen<T>(T value) where T : unmanaged => typeof(T) == typeof(float) ? *(float*)&value : *(double*)&value;

    private static void Spread<T>(Tensor x, Tensor y, Tensor rows, Tensor columns, Tensor slopes, Tensor dx, Tensor dy) where T : unmanaged
    {
        T* left = (T*)NativeMemory.Of(x), right = (T*)NativeMemory.Of(y), slope = (T*)NativeMemory.Of(slopes);
        T* toLeft = (T*)NativeMemory.Of(dx), toRight = (T*)NativeMemory.Of(dy);
        long* row = (long*)NativeMemory.Of(rows), column = (long*)NativeMemory.Of(columns);
        var (count, width, lanes) = ((int)rows.size(0), (int)x.size(1), Vector256<T>.Count);
        var threads = Math.Min(get_num_threads(), Math.Max(1, width / (8 * lanes)));
        var share = (width + threads - 1) / threads;
        share = (share + lanes - 1) / lanes * lanes;
        Threads.For((width + share - 1) / share, part =>
        {
            var end = Math.Min(width, (part + 1) * share);
            for (var k = 0; k < count; k++)
            {
                var (a, b) = (row[k] * width, column[k] * width);
                var times = Vector256.Create(slope[k]);
                var i = part * share;
                for (; i <= end - lanes; i += lanes)
                {
                    var gradient = (Vector256.Load(left + a + i) - Vector256.Load(right + b + i)) * times;
                    (Vector256.Load(toLeft + a + i) + gradient).Store(toLeft + a + i);
                    (Vector256.Load(toRight + b + i) - gradient).Store(toRight + b + i);
                }
                for (; i < end; i++)
                {
                    var gradient = Vector256.CreateScalar(left[a + i]) - Vector256.CreateScalar(right[b + i]);
                    gradient *= times;
                    toLeft[a + i] = (Vector256.CreateScalar(toLeft[a + i]) + gradient).ToScalar();
                    toRight[b + i] = (Vector256.CreateScalar(toRight[b + i]) - gradient).ToScalar();
                }
            }
        });
    }

    private static void RequireInside(Tensor indices, long count, string name)
    {
        var values = new ReadOnlySpan<long>(NativeMemory.Of(indices), (int)indices.size(0));
        for (var i = 0; i < values.Length; i++)
            if ((ulong)values[i] >= (ulong)count)
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                    $"{name} must be in [0, {count}), got {values[i]} in row {i}."), name);
    }
}
