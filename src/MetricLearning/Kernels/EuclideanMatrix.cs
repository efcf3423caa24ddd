using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The Euclidean distances of all rows of x to all rows of y, in one of the forms of <see cref="EuclideanForm"/>. The forward pass
/// and the backward pass take one matrix product each.</summary>
/// <remarks>
/// <c>d² = ‖x‖² + ‖y‖² − 2x·y</c> is written over the product. Rows are measured from the mean row, unless that hardly shortens them. Where
/// d² is below a thousandth of ‖x‖² + ‖y‖², digits cancel: there d² and the gradient of d are computed from the differences. The same is
/// done for rows whose squares underflow or overflow in float32. Equal rows are at distance 0. The backward pass is
/// <c>∂d/∂x = (x − y)/d</c>, 0 if d is at its floor; for the square it is 2(x − y). If the batch is compared with itself, g and gᵀ are
/// added before the one product. Tensor operations compute second derivatives, and all types and devices other than float32 and float64
/// on the CPU.
/// </remarks>
internal sealed unsafe class EuclideanMatrix : autograd.SingleTensorFunction<EuclideanMatrix>
{
    /// <summary>Below this share of ‖x‖² + ‖y‖², a squared distance is measured on the differences.</summary>
    private const double Near = 1e-3;

    /// <summary>Up to this share of the mean squared length of the rows, the square of the mean row is not worth subtracting.</summary>
    private const double LargestOffset = 0.25;

    private const int ColumnsPerTask = 256;

    /// <inheritdoc/>
    public override string Name => nameof(EuclideanMatrix);

    /// <summary>[N, D] and [M, D] → [N, M]. The caller disposes it.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[M, D]; x itself for a batch with itself.</param>
    /// <param name="form">How the distance follows from its square.</param>
    public static Tensor Of(Tensor x, Tensor y, EuclideanForm form)
    {
        using var scope = NewDisposeScope();
        if (!SimdRows.Supports(x)) return Plain(x, y, form).MoveToOuterDisposeScope();
        var (left, right) = (x.contiguous(), ReferenceEquals(x, y) ? null : y.contiguous());
        var hasGradient = is_grad_enabled() && (x.requires_grad || y.requires_grad);
        var distances = hasGradient ? apply(left, right!, form) : Compute(left, right, form).Distances;
        return distances.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, y, form) = ((Tensor)vars[0], (Tensor?)vars[1], (EuclideanForm)vars[2]);
        var (distances, left, right) = Compute(x, y, form);
        List<Tensor> saved = [distances, x, left.Rows, left.Squares];
        ctx.save_for_backward(y is null ? saved : [.. saved, y, right.Rows, right.Squares]);
        ctx.save_data(nameof(form), form);
        return distances;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (saved, form) = (ctx.get_saved_variables(), (EuclideanForm)ctx.get_data("form"));
        var x = new Side(saved[1], saved[2], saved[3]);
        Side? y = saved.Count > 4 ? new(saved[4], saved[5], saved[6]) : null;
        var gradients = is_grad_enabled()
            ? Gradient.Differentiable(
                inputs => PlainWithFloor(saved[0], inputs[0]!, inputs[1] ?? inputs[0]!, form), grad_output, x.Given, y?.Given)
            : Gradients(saved[0], x, y, form, grad_output);
        grad_output.Dispose();
        return Gradient.Return([.. gradients, null]);
    }

    /// <summary>The distances and both sides of them; y is null for a batch with itself.</summary>
    private static (Tensor Distances, Side X, Side Y) Compute(Tensor x, Tensor? y, EuclideanForm form)
    {
        var right = Measured(y ?? x, mean: null);
        var mean = Mean(right.Given);
        var shorter = x.dtype == ScalarType.Float32 ? Shortens<float>(mean, right.Squares) : Shortens<double>(mean, right.Squares);
        if (shorter) right = Measured(right.Given, mean);
        var left = y is null ? right : Measured(x, shorter ? mean : null);
        return (Distances(left, right, form), left, right);
    }

    private static Tensor Plain(Tensor x, Tensor y, EuclideanForm form)
    {
        (x, y) = RowMath.AboutTheMean(x, y);
        // One matrix product for every size: by default cdist would use another method for up to 25 rows.
        if (!form.Squared && form.Floor == 0) return cdist(x, y, 2, compute_mode.use_mm_for_euclid_dist);
        var squares = x.pow(S(2)).sum(1, keepdim: true).Plus(y.pow(S(2)).sum(1)) - S(2) * Product.Of(x, y);
        return form.Squared ? squares.clamp_min(S(0)) : squares.clamp_min(S(form.Floor)).sqrt();
    }

    /// <summary>The distances by tensor operations. Their rounding can make equal rows differ, so a distance is constant where the exact
    /// one is at the floor.</summary>
    private static Tensor PlainWithFloor(Tensor exact, Tensor x, Tensor y, EuclideanForm form)
    {
        var distances = Plain(x, y, form);
        return form.Squared ? distances : distances.masked_fill(exact <= S(Math.Sqrt(form.Floor)), S(Math.Sqrt(form.Floor)));
    }

    /// <summary>The gradients of x and y; null for one that needs none.</summary>
    private static Tensor?[] Gradients(Tensor distances, Side x, Side? y, EuclideanForm form, Tensor gradient)
    {
        var slopes = form.Squared ? gradient.contiguous() : Slopes(distances, gradient.contiguous(), form);
        var near = form.Squared ? null : distances;
        if (y is not { } other) return [Gradients(SymmetricSum.Of(slopes), near, x, x), null];
        // Copied before the gradient of x writes over the slopes.
        var across = other.Given.requires_grad ? slopes.t().contiguous() : null;
        return
        [
            x.Given.requires_grad ? Gradients(slopes, near, x, other) : null,
            across is null ? null : Gradients(across, near?.t().contiguous(), other, x),
        ];
    }

    /// <summary>g / d, and 0 if d is at its floor.</summary>
    private static Tensor Slopes(Tensor distances, Tensor gradient, EuclideanForm form)
    {
        var slopes = empty_like(distances);
        if (distances.dtype == ScalarType.Float32) Divide(gradient, distances, Least<float>(form), slopes);
        else Divide(gradient, distances, Least<double>(form), slopes);
        return slopes;
    }

    /// <summary><c>Σ_j s_ij (x_i − y_j)</c> for each row i of x; twice this for squared distances.</summary>
    /// <param name="slopes">[N, M]. The slopes of near pairs are set to 0, because their differences are added separately.</param>
    /// <param name="distances">[N, M]; null for squared distances, which have no near pairs.</param>
    /// <param name="x">N rows.</param>
    /// <param name="y">M rows.</param>
    private static Tensor Gradients(Tensor slopes, Tensor? distances, Side x, Side y)
    {
        var nearPart = distances is null ? null : zeros_like(x.Rows);
        if (nearPart is not null && x.Rows.dtype == ScalarType.Float32) AddNearPairs<float>(slopes, distances!, x, y, nearPart);
        else if (nearPart is not null) AddNearPairs<double>(slopes, distances!, x, y, nearPart);
        var gradient = x.Rows * slopes.sum(1, keepdim: true) - slopes.matmul(y.Rows);
        return nearPart is null ? gradient.mul_(S(2)) : gradient.Plus_(nearPart);
    }

    /// <summary>The mean row, [D]. Entries that are not finite count as 0, so that they spoil no other row.</summary>
    private static Tensor Mean(Tensor x)
    {
        var mean = zeros(x.size(1), x.dtype);
        if (x.dtype == ScalarType.Float32) SumColumns<float>(x, mean);
        else SumColumns<double>(x, mean);
        return mean.div_(S(Math.Max(1, x.size(0))));
    }

    /// <summary>A side whose rows are measured from a given mean row; from 0 if it is null.</summary>
    private static Side Measured(Tensor x, Tensor? mean)
    {
        var side = new Side(x, mean is null ? x : empty_like(x), empty(x.size(0), x.dtype));
        if (x.dtype == ScalarType.Float32) Measure<float>(side, mean);
        else Measure<double>(side, mean);
        return side;
    }

    /// <summary>Whether rows become so much shorter, measured from their mean row, that the products lose fewer digits to cancellation. If
    /// not, a copy of the rows gains nothing.</summary>
    private static bool Shortens<T>(Tensor mean, Tensor squares) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T* row = (T*)TensorMemory.Of(mean), square = (T*)TensorMemory.Of(squares);
        var count = squares.size(0);
        var sum = 0.0;
        for (var i = 0L; i < count; i++) sum += double.CreateTruncating(square[i]);
        return !(SimdRows.Dot(row, row, (int)mean.size(0)) <= LargestOffset * sum / count);
    }

    /// <summary>Sums each column, row after row. Each task takes some columns, so that the threads do not change the bits.</summary>
    private static void SumColumns<T>(Tensor x, Tensor sum) where T : unmanaged
    {
        var (rows, to) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(sum));
        var (count, width) = (x.size(0), (int)x.size(1));
        Threads.For((width + ColumnsPerTask - 1) / ColumnsPerTask, task => SumColumns((T*)rows, count, width, task * ColumnsPerTask,
            Math.Min(width, (task + 1) * ColumnsPerTask), (T*)to), work: count * width);
    }

    /// <summary>Sums some columns into memory that holds 0. Entries that are not finite count as 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumColumns<T>(T* rows, long count, int width, int start, int end, T* sum) where T : unmanaged
    {
        var i = 0L;
        for (; i <= count - 4; i += 4)      // a sum is loaded once for four rows
        {
            T* a = rows + i * width, b = a + width, c = b + width, d = c + width;
            for (var k = start; k < end; k += Vector256<T>.Count)
                SimdRows.Store(sum, k, end, SimdRows.Load(sum, k, end) + SimdRows.Load(a, k, end) + SimdRows.Load(b, k, end)
                    + SimdRows.Load(c, k, end) + SimdRows.Load(d, k, end));
        }
        for (; i < count; i++)
            for (var k = start; k < end; k += Vector256<T>.Count) SimdRows.Add(sum, k, end, SimdRows.Load(rows + i * width, k, end));
        // An entry that is not finite spoils the sum of its column, and so does a sum that overflows.
        for (var k = start; k < end; k += Vector256<T>.Count)
            if (!SimdRows.AllTrue(IsFinite(SimdRows.Load(sum, k, end)))) SumFinite(rows, count, width, k, end, sum);
    }

    /// <summary>Sums the columns of one vector, without entries that are not finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumFinite<T>(T* rows, long count, int width, int k, int end, T* sum) where T : unmanaged
    {
        var finite = Vector256<T>.Zero;
        for (var i = 0L; i < count; i++)
        {
            var values = SimdRows.Load(rows + i * width, k, end);
            finite += Vector256.ConditionalSelect(IsFinite(values), values, Vector256<T>.Zero);
        }
        SimdRows.Store(sum, k, end, finite);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> IsFinite<T>(Vector256<T> values) where T : unmanaged =>
        Vector256.Equals(values - values, Vector256<T>.Zero);

    /// <summary>Subtracts the mean from each row, and computes the squared length of the result.</summary>
    private static void Measure<T>(Side side, Tensor? mean) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (from, to, middle) = ((nint)TensorMemory.Of(side.Given), (nint)TensorMemory.Of(side.Rows),
            mean is null ? 0 : (nint)TensorMemory.Of(mean));
        var (squares, width) = ((nint)TensorMemory.Of(side.Squares), (int)side.Given.size(1));
        Threads.ForRows(side.Rows.size(0), width, i =>
        {
            var row = (T*)to + i * width;
            if (middle != 0) Center((T*)from + i * width, (T*)middle, width, row);
            ((T*)squares)[i] = T.CreateTruncating(SimdRows.Dot(row, row, width));
        });
    }

    /// <summary>Writes a row minus the mean.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Center<T>(T* row, T* mean, int width, T* result) where T : unmanaged
    {
        for (var k = 0; k < width; k += Vector256<T>.Count)
            SimdRows.Store(result, k, width, SimdRows.Load(row, k, width) - SimdRows.Load(mean, k, width));
    }

    /// <summary>The distances of all rows of x to all rows of y.</summary>
    private static Tensor Distances(Side x, Side y, EuclideanForm form)
    {
        if (ReferenceEquals(x.Rows, y.Rows) && SelfProduct.Supports(x.Rows)) return OfHalf(x, form);
        var distances = Product.Of(x.Rows, y.Rows);
        if (distances.dtype == ScalarType.Float32) ProductsToDistances<float>(x, y, form, distances);
        else ProductsToDistances<double>(x, y, form, distances);
        return distances;
    }

    /// <summary>The distances of a batch to itself. Each part of the half product becomes distances while it is in cache.</summary>
    private static Tensor OfHalf(Side x, EuclideanForm form)
    {
        var (rows, squares, width) = ((nint)TensorMemory.Of(x.Given), (nint)TensorMemory.Of(x.Squares), (int)x.Given.size(1));
        return SelfProduct.Of(x.Rows, part =>
        {
            var columns = (float*)rows + (long)part.Column * width;
            for (var i = 0; i < part.Height; i++)
                ProductsToDistances((float*)rows + (long)(part.Row + i) * width, columns, width, ((float*)squares)[part.Row + i],
                    (float*)squares + part.Column, part.Width, form, part.RowAt(i));
        });
    }

    /// <summary>Turns products into distances in place.</summary>
    private static void ProductsToDistances<T>(Side x, Side y, EuclideanForm form, Tensor products)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (left, right, to) = ((nint)TensorMemory.Of(x.Given), (nint)TensorMemory.Of(y.Given), (nint)TensorMemory.Of(products));
        var (ofLeft, ofRight) = ((nint)TensorMemory.Of(x.Squares), (nint)TensorMemory.Of(y.Squares));
        var (count, width) = ((int)y.Given.size(0), (int)x.Given.size(1));
        Threads.ForRows(x.Given.size(0), count, i => ProductsToDistances((T*)left + i * width, (T*)right, width, ((T*)ofLeft)[i],
            (T*)ofRight, count, form, (T*)to + i * count));
    }

    /// <summary>Turns the products of one row into distances in place.</summary>
    /// <remarks>Compiled with optimization at once: a small batch has few rows, and its first calls would run slow code.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ProductsToDistances<T>(T* x, T* y, int width, T squareOfX, T* squaresOfY, int count, EuclideanForm form,
        T* row)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (j, floor) = (0, T.CreateTruncating(form.Floor));
        if (Vector512.IsHardwareAccelerated)
        {
            var wide = Vector512.Create(squareOfX);
            for (; j <= count - Vector512<T>.Count; j += Vector512<T>.Count)
            {
                var (sums, product) = (wide + Vector512.Load(squaresOfY + j), Vector512.Load(row + j));
                var squares = sums - (product + product);
                var low = Vector512.LessThan(squares, Vector512.Create(floor));
                var clamped = Vector512.ConditionalSelect(low, Vector512.Create(floor), squares);
                (form.Squared ? squares : Vector512.Sqrt(clamped)).Store(row + j);
                var near = IsNear(squares, sums);
                if (near != Vector512<T>.Zero)
                    MeasureNearPairs(x, y, width, squareOfX, near.ExtractMostSignificantBits(), j, count, form, row);
            }
        }
        var own = Vector256.Create(squareOfX);
        for (; j < count; j += Vector256<T>.Count)
        {
            var (sums, product) = (own + SimdRows.Load(squaresOfY, j, count), SimdRows.Load(row, j, count));
            var squares = sums - (product + product);
            var low = Vector256.LessThan(squares, Vector256.Create(floor));
            var clamped = Vector256.ConditionalSelect(low, Vector256.Create(floor), squares);
            SimdRows.Store(row, j, count, form.Squared ? squares : Vector256.Sqrt(clamped));
            var near = IsNear(squares, sums);
            if (near != Vector256<T>.Zero)
                MeasureNearPairs(x, y, width, squareOfX, near.ExtractMostSignificantBits(), j, count, form, row);
        }
    }

    /// <summary>Measures the near pairs of one vector of a row again, from the differences.</summary>
    private static void MeasureNearPairs<T>(T* x, T* y, int width, T squareOfX, ulong near, int start, int count, EuclideanForm form,
        T* row) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (var lanes = near; lanes != 0; lanes &= lanes - 1)
        {
            var j = start + BitOperations.TrailingZeroCount(lanes);
            if (j >= count) return;
            var other = y + (long)j * width;
            // A row is at distance 0 to itself. Only one with entries that are not finite has to be read.
            var square = x == other && T.IsFinite(squareOfX) ? 0 : SimdRows.SquaredDistance(x, other, width);
            row[j] = !form.Squared && square <= form.Floor ? Least<T>(form) : T.CreateTruncating(form.Apply(square));
        }
    }

    /// <summary>The smallest distance.</summary>
    private static T Least<T>(EuclideanForm form) where T : IBinaryFloatingPointIeee754<T> => T.Sqrt(T.CreateTruncating(form.Floor));

    /// <summary>Divides each number by another one, and gives 0 if that is at most <paramref name="least"/>.</summary>
    private static void Divide<T>(Tensor x, Tensor by, T least, Tensor to) where T : unmanaged
    {
        var (above, below, result) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(by), (nint)TensorMemory.Of(to));
        var width = (int)x.size(1);
        Threads.ForRows(x.size(0), width, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (i) =>
        {
            for (var j = 0; j < width; j += Vector256<T>.Count)
            {
                var divisor = SimdRows.Load((T*)below + i * width, j, width);
                var quotient = SimdRows.Load((T*)above + i * width, j, width) / divisor;
                var zero = Vector256.LessThanOrEqual(divisor, Vector256.Create(least));
                SimdRows.Store((T*)result + i * width, j, width, Vector256.ConditionalSelect(zero, Vector256<T>.Zero, quotient));
            }
        });
    }

    /// <summary>Adds s(x − y) of the near pairs to the gradient, and sets their slopes to 0.</summary>
    private static void AddNearPairs<T>(Tensor slopes, Tensor distances, Side x, Side y, Tensor gradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (left, right) = ((nint)TensorMemory.Of(x.Given), (nint)TensorMemory.Of(y.Given));
        var (ofLeft, ofRight) = ((nint)TensorMemory.Of(x.Squares), (nint)TensorMemory.Of(y.Squares));
        var (slope, distance, to) = ((nint)TensorMemory.Of(slopes), (nint)TensorMemory.Of(distances), (nint)TensorMemory.Of(gradient));
        var (count, width) = ((int)y.Rows.size(0), (int)x.Rows.size(1));
        Threads.ForRows(x.Rows.size(0), count, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (i) =>
        {
            var row = (T*)slope + i * count;
            var own = Vector256.Create(((T*)ofLeft)[i]);
            for (var j = 0; j < count; j += Vector256<T>.Count)
            {
                var root = SimdRows.Load((T*)distance + i * count, j, count);
                var near = IsNear(root * root, own + SimdRows.Load((T*)ofRight, j, count));
                for (var lanes = near.ExtractMostSignificantBits(); lanes != 0; lanes &= lanes - 1)
                {
                    var k = j + BitOperations.TrailingZeroCount(lanes);
                    if (k >= count) break;
                    if (row[k] == T.Zero) continue;
                    AddDifference((T*)left + i * width, (T*)right + (long)k * width, row[k], width, (T*)to + i * width);
                    row[k] = T.Zero;
                }
            }
        });
    }

    /// <summary>Whether a squared distance must be measured on the differences. It must if it is so small compared with ‖x‖² + ‖y‖² that
    /// digits cancel, or if that sum loses digits itself because it underflows or overflows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<T> IsNear<T>(Vector256<T> squares, Vector256<T> sums) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        ~(Vector256.GreaterThanOrEqual(squares, sums * T.CreateTruncating(Near))
            & Vector256.GreaterThan(sums, Vector256.Create(SimdRows.LeastSquare<T>()))
            & Vector256.LessThan(sums, Vector256.Create(SimdRows.LargestSquare<T>())));

    /// <summary>Does the same for a vector of 512 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> IsNear<T>(Vector512<T> squares, Vector512<T> sums) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        ~(Vector512.GreaterThanOrEqual(squares, sums * T.CreateTruncating(Near))
            & Vector512.GreaterThan(sums, Vector512.Create(SimdRows.LeastSquare<T>()))
            & Vector512.LessThan(sums, Vector512.Create(SimdRows.LargestSquare<T>())));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddDifference<T>(T* x, T* y, T factor, int width, T* to) where T : unmanaged
    {
        var times = Vector256.Create(factor);
        for (var k = 0; k < width; k += Vector256<T>.Count)
            SimdRows.Add(to, k, width, (SimdRows.Load(x, k, width) - SimdRows.Load(y, k, width)) * times);
    }

    /// <summary>One set of rows of a distance matrix.</summary>
    /// <param name="Given">[N, D], as the caller gave them.</param>
    /// <param name="Rows">[N, D], less the mean row; or as given, if the mean row is short.</param>
    /// <param name="Squares">[N], the squared lengths of <paramref name="Rows"/>.</param>
    private readonly record struct Side(Tensor Given, Tensor Rows, Tensor Squares);
}
