using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The sums of absolute differences of all rows of x to all rows of y.</summary>
/// <remarks>
/// Two rows of x are compared with four rows of y at a time, so that each number that is read is used in several sums. If a batch is
/// compared with itself, each pair is measured once. An entry depends on its two rows alone, and exchanging them does not change a bit. The
/// backward pass is <c>∂d/∂x = sign(x − y)</c>, 0 for equal numbers. Tensor operations compute second derivatives, from all differences at
/// once; libtorch's <c>cdist</c> computes types and devices other than float32 and float64 on the CPU.
/// </remarks>
internal sealed unsafe class ManhattanMatrix : autograd.SingleTensorFunction<ManhattanMatrix>
{
    private const int Left = 2, Right = 4, RowsPerTask = 32, GradientRowsPerTask = 256;

    /// <inheritdoc/>
    public override string Name => nameof(ManhattanMatrix);

    /// <summary>[N, D] and [M, D] → [N, M]. The caller disposes it.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[M, D]; x itself for a batch with itself.</param>
    public static Tensor Of(Tensor x, Tensor y)
    {
        using var scope = NewDisposeScope();
        if (!SimdRows.Supports(x)) return cdist(x, y, 1).MoveToOuterDisposeScope();
        return apply(x.contiguous(), ReferenceEquals(x, y) ? null! : y.contiguous()).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, y) = ((Tensor)vars[0], (Tensor?)vars[1]);
        var distances = empty(x.size(0), (y ?? x).size(0), x.dtype);
        if (x.dtype == ScalarType.Float32) Measure<float>(x, y, distances);
        else Measure<double>(x, y, distances);
        ctx.save_for_backward(y is null ? [distances, x] : [distances, x, y]);
        return distances;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (x, y) = (saved[1], saved.Count > 2 ? saved[2] : null);
        var gradients = is_grad_enabled()
            ? Gradient.Differentiable(Plain, grad_output, x, y)
            : Gradients(x, y, grad_output.masked_fill(saved[0].isnan(), S(double.NaN)).contiguous());
        grad_output.Dispose();
        return Gradient.Return(gradients);
    }

    /// <summary>The same distances by tensor operations.</summary>
    private static Tensor Plain(Tensor?[] inputs) => (inputs[0]!.unsqueeze(1) - (inputs[1] ?? inputs[0]!).unsqueeze(0)).abs().sum(2);

    /// <summary>The gradients of x and y; null for one that needs none.</summary>
    private static Tensor?[] Gradients(Tensor x, Tensor? y, Tensor slopes)
    {
        if (y is null) return [SignedSums(x, x, SymmetricSum.Of(slopes)), null];
        return [x.requires_grad ? SignedSums(x, y, slopes) : null, y.requires_grad ? SignedSums(y, x, slopes.t().contiguous()) : null];
    }

    /// <summary><c>Σ_j s_ij sign(x_i − y_j)</c> for each row i of x.</summary>
    private static Tensor SignedSums(Tensor x, Tensor y, Tensor slopes)
    {
        var gradient = empty_like(x);
        if (x.dtype == ScalarType.Float32) SumSigns<float>(x, y, slopes, gradient);
        else SumSigns<double>(x, y, slopes, gradient);
        return gradient;
    }

    private static void Measure<T>(Tensor x, Tensor? y, Tensor distances) where T : unmanaged, INumber<T>
    {
        var (left, right, to) = (new Rows<T>(x), new Rows<T>(y ?? x), (nint)TensorMemory.Of(distances));
        var (count, whole) = (right.Count, left.Width - left.Width % Vector256<T>.Count);
        Threads.For((int)((left.Count + RowsPerTask - 1) / RowsPerTask), task =>
        {
            var sums = stackalloc T[Left * Right];
            var start = (long)task * RowsPerTask;
            for (var j = y is null ? start : 0; j < count; j += Right)
                for (var i = start; i < Math.Min(left.Count, start + RowsPerTask); i += Left)
                {
                    Sum(left[i], left[i + 1], right[j], right[j + 1], right[j + 2], right[j + 3], whole, sums);
                    for (var pair = 0; pair < Left * Right; pair++)
                    {
                        var (row, column) = (left.Present(i + pair / Right), right.Present(j + pair % Right));
                        var sum = sums[pair] + Rest(left[row], right[column], whole, left.Width);
                        ((T*)to)[row * count + column] = sum;
                        if (y is null) ((T*)to)[column * count + row] = sum;
                    }
                }
        }, work: left.Count * count * left.Width);
    }

    /// <summary>The distances of two rows to four rows, over a whole number of vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum<T>(T* a, T* b, T* p, T* q, T* r, T* s, int width, T* sums) where T : unmanaged
    {
        Vector256<T> ap = default, aq = default, ar = default, at = default, bp = default, bq = default, br = default, bt = default;
        for (var k = 0; k < width; k += Vector256<T>.Count)
        {
            var (left, other) = (Vector256.Load(a + k), Vector256.Load(b + k));
            var right = Vector256.Load(p + k);
            ap += Vector256.Abs(left - right);
            bp += Vector256.Abs(other - right);
            right = Vector256.Load(q + k);
            aq += Vector256.Abs(left - right);
            bq += Vector256.Abs(other - right);
            right = Vector256.Load(r + k);
            ar += Vector256.Abs(left - right);
            br += Vector256.Abs(other - right);
            right = Vector256.Load(s + k);
            at += Vector256.Abs(left - right);
            bt += Vector256.Abs(other - right);
        }
        (sums[0], sums[1], sums[2], sums[3]) = (Vector256.Sum(ap), Vector256.Sum(aq), Vector256.Sum(ar), Vector256.Sum(at));
        (sums[4], sums[5], sums[6], sums[7]) = (Vector256.Sum(bp), Vector256.Sum(bq), Vector256.Sum(br), Vector256.Sum(bt));
    }

    /// <summary>The distance of two rows over the entries after the last whole vector.</summary>
    private static T Rest<T>(T* x, T* y, int start, int width) where T : unmanaged =>
        start == width ? default : Vector256.Sum(Vector256.Abs(SimdRows.Load(x, start, width) - SimdRows.Load(y, start, width)));

    /// <summary>Each task computes some columns of some rows. Those columns of all rows of y are first copied side by side.</summary>
    private static void SumSigns<T>(Tensor x, Tensor y, Tensor slopes, Tensor gradient) where T : unmanaged, INumber<T>
    {
        var (left, right, to, factors) = (new Rows<T>(x), new Rows<T>(y), new Rows<T>(gradient), new Rows<T>(slopes));
        var (count, width, columns) = ((int)right.Count, left.Width, 2 * Vector256<T>.Count);
        var across = (width + columns - 1) / columns;
        var down = (int)((left.Count + GradientRowsPerTask - 1) / GradientRowsPerTask);
        Threads.For(across * down, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (task) =>
        {
            var (start, k) = ((long)(task / across) * GradientRowsPerTask, task % across * columns);
            var panel = ArrayPool<T>.Shared.Rent(count * columns);
            fixed (T* packed = panel)
            {
                for (var j = 0; j < count; j++)
                {
                    SimdRows.Load(right[j], k, width).Store(packed + j * columns);
                    SimdRows.Load(right[j], k + columns / 2, width).Store(packed + j * columns + columns / 2);
                }
                for (var i = start; i < Math.Min(left.Count, start + GradientRowsPerTask); i += Left)
                    SumSigns(left[i], left[i + 1], packed, factors[i], factors[i + 1], count, k, width, to[i], to[i + 1]);
            }
            ArrayPool<T>.Shared.Return(panel);
        }, work: left.Count * count * width);
    }

    /// <summary>Two vectors of the gradients of two rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumSigns<T>(T* a, T* b, T* packed, T* slopesA, T* slopesB, int count, int k, int width, T* toA, T* toB)
        where T : unmanaged, INumber<T>
    {
        var (lanes, next, sign) = (Vector256<T>.Count, k + Vector256<T>.Count, Vector256.Create(-T.Zero));
        var (a0, a1, b0, b1) = (SimdRows.Load(a, k, width), SimdRows.Load(a, next, width), SimdRows.Load(b, k, width),
            SimdRows.Load(b, next, width));
        Vector256<T> sumA0 = default, sumA1 = default, sumB0 = default, sumB1 = default;
        for (var j = 0; j < count; j++, packed += 2 * lanes)
        {
            var (y0, y1) = (Vector256.Load(packed), Vector256.Load(packed + lanes));
            var (slopeA, slopeB) = (Vector256.Create(slopesA[j]), Vector256.Create(slopesB[j]));
            sumA0 += Signed(a0 - y0, slopeA, sign);
            sumA1 += Signed(a1 - y1, slopeA, sign);
            sumB0 += Signed(b0 - y0, slopeB, sign);
            sumB1 += Signed(b1 - y1, slopeB, sign);
        }
        SimdRows.Store(toA, k, width, sumA0);
        SimdRows.Store(toA, next, width, sumA1);
        SimdRows.Store(toB, k, width, sumB0);
        SimdRows.Store(toB, next, width, sumB1);
    }

    /// <summary>The slope with the sign of the difference; 0 if the difference is 0.</summary>
    private static Vector256<T> Signed<T>(Vector256<T> difference, Vector256<T> slope, Vector256<T> sign) where T : unmanaged =>
        Vector256.AndNot(slope ^ (difference & sign), Vector256.Equals(difference, Vector256<T>.Zero));

    /// <summary>The rows of a matrix. An index past the end gives the last row, so that a block of rows is always whole. A row that is
    /// computed and written twice has the same result both times.</summary>
    private readonly record struct Rows<T>(nint First, long Count, int Width) where T : unmanaged
    {
        public Rows(Tensor matrix) : this((nint)TensorMemory.Of(matrix), matrix.size(0), (int)matrix.size(1))
        {
        }

        public T* this[long row] => (T*)First + Present(row) * Width;

        public long Present(long row) => Math.Min(row, Count - 1);
    }
}
