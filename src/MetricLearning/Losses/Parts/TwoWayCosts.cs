using System.Numerics;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The cross entropy of each row and of the column with the same number, where the diagonal has the right answers: half of <c>−log
/// softmax_j(s·c_ij)_i</c> and half of <c>−log softmax_j(s·c_ji)_i</c>.</summary>
/// <remarks>
/// Neither the logits nor a transposed matrix are made. Each pass reads the matrix twice: by rows, and by strips of columns that are
/// transposed in cache. Sums are float64, and one thread adds each of them, so the bits do not depend on the number of threads. Tensor
/// operations compute second derivatives, and all types and devices other than float32 and float64 on the CPU.
/// </remarks>
internal sealed unsafe class TwoWayCosts : autograd.SingleTensorFunction<TwoWayCosts>
{
    private const string NumbersKey = "numbers";

    /// <summary>A pass computes two exponentials for each entry, which takes as long as reading this many numbers.</summary>
    private const int WorkPerEntry = 8;

    /// <inheritdoc/>
    public override string Name => nameof(TwoWayCosts);

    /// <summary>The costs, [N], in the type of the cosines, with gradient. The caller disposes them.</summary>
    /// <param name="cosines">[N, N], N at least 1.</param>
    /// <param name="logScale">The logarithm of the scale s, a scalar of the same type.</param>
    public static Tensor Of(Tensor cosines, Tensor logScale)
    {
        using var scope = NewDisposeScope();
        var costs = SimdRows.Supports(cosines) && cosines.size(0) <= int.MaxValue
            ? apply(TensorMemory.Contiguous(cosines), logScale) : Plain(cosines, logScale);
        return costs.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (cosines, logScale) = ((Tensor)vars[0], (Tensor)vars[1]);
        var costs = empty(cosines.size(0), cosines.dtype);
        var numbers = new Numbers(LearnedScale.Value(logScale), (int)cosines.size(0), cosines.dtype);
        if (cosines.dtype == ScalarType.Float32) Reduce<float>(cosines, numbers, costs);
        else Reduce<double>(cosines, numbers, costs);
        ctx.save_for_backward([cosines, logScale]);
        ctx.save_data(NumbersKey, numbers);
        return costs;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (saved, numbers) = (ctx.get_saved_variables(), (Numbers)ctx.get_data(NumbersKey));
        var (cosines, logScale) = (saved[0], saved[1]);
        var gradients = is_grad_enabled()
            ? Gradient.Differentiable(inputs => Plain(inputs[0]!, inputs[1]!), grad_output, cosines, logScale)
            : cosines.dtype == ScalarType.Float32
            ? Gradients<float>(cosines, numbers, TensorMemory.Contiguous(grad_output), logScale.requires_grad)
            : Gradients<double>(cosines, numbers, TensorMemory.Contiguous(grad_output), logScale.requires_grad);
        grad_output.Dispose();
        return Gradient.Return(gradients);
    }

    private static Tensor Plain(Tensor cosines, Tensor logScale)
    {
        var (logits, rows) = (cosines * logScale.exp(), RowMath.Rows(cosines));
        return new ClassLogits(logits).Costs(rows).Plus(new ClassLogits(logits.t()).Costs(rows)) / S(2);
    }

    private static void Reduce<T>(Tensor cosines, Numbers numbers, Tensor costs) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (matrix, to, count) = ((nint)TensorMemory.Of(cosines), (nint)TensorMemory.Of(costs), numbers.Rows.Length);
        Threads.ForRows(count, count, i => numbers.Reduce(numbers.Rows, (T*)matrix + i * count, (int)i), WorkPerEntry / 2);
        ForColumns<T>(matrix, count, (first, columns, memory) =>
        {
            for (var k = 0; k < columns; k++) numbers.Reduce(numbers.Columns, (T*)memory + (long)k * count, first + k);
        });
        for (var i = 0; i < count; i++)
            ((T*)to)[i] = T.CreateTruncating((numbers.CostOf(numbers.Rows[i]).Value + numbers.CostOf(numbers.Columns[i]).Value) / 2);
    }

    private static Tensor?[] Gradients<T>(Tensor cosines, Numbers numbers, Tensor outer, bool ofScale)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var gradient = empty_like(cosines);
        var (matrix, to, slopes) = ((nint)TensorMemory.Of(cosines), (nint)TensorMemory.Of(gradient), (nint)TensorMemory.Of(outer));
        var count = numbers.Rows.Length;
        Threads.ForRows(count, count, i =>
            numbers.Differentiate(numbers.Rows, (T*)matrix + i * count, (int)i, Slope(i), (T*)to + i * count), WorkPerEntry / 2);
        ForColumns<T>(matrix, count, (first, columns, memory) =>
        {
            for (var k = 0; k < columns; k++)
            {
                T* column = (T*)memory + (long)k * count;
                numbers.Differentiate(numbers.Columns, column, first + k, Slope(first + k), column);
            }
            AddColumns((T*)memory, columns, count, (T*)to + first);
        });
        if (!ofScale) return [gradient, null];
        // The derivative with respect to log s is Σ ∂/∂c_ij · c_ij.
        var sums = new double[count];
        Threads.ForRows(count, count, i => sums[i] = SimdRows.Dot((T*)matrix + i * count, (T*)to + i * count, count));
        return [gradient, tensor(sums.Sum(), cosines.dtype)];

        double Slope(long i) => double.CreateTruncating(((T*)slopes)[i]) / 2;
    }

    /// <summary>Calls <paramref name="body"/> with the first of a few columns, their number, and a copy of them as rows.</summary>
    private static void ForColumns<T>(nint matrix, int count, Action<int, int, nint> body) where T : unmanaged =>
        Threads.For((count + Transpose.Side - 1) / Transpose.Side, strip =>
        {
            var first = strip * Transpose.Side;
            var columns = Math.Min(Transpose.Side, count - first);
            fixed (double* memory = Scratch.Doubles(columns * count))
            {
                Transpose.Write((T*)matrix + first, count, count, columns, (T*)memory, count);
                body(first, columns, (nint)memory);
            }
        }, work: (long)count * count * WorkPerEntry / 2);

    /// <summary>Adds rows to the columns of a matrix.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddColumns<T>(T* rows, int columns, int count, T* to) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var block = stackalloc T[Transpose.Side * Transpose.Side];
        for (var start = 0; start < count; start += Transpose.Side)
        {
            var height = Math.Min(Transpose.Side, count - start);
            Transpose.Write(rows + start, count, columns, height, block, Transpose.Side);
            for (var i = 0; i < height; i++)
                for (var k = 0; k < columns; k++) to[(long)(start + i) * count + k] += block[i * Transpose.Side + k];
        }
    }

    /// <summary>What the forward pass finds: the own score, and the numbers of the other logits, of each row and of each column.</summary>
    private sealed class Numbers(double scale, int count, ScalarType type)
    {
        private readonly OtherLogits others = OtherLogits.Of(new Affine(scale));
        private readonly CrossEntropyCost cost = new(type);

        public (double Own, double Top, double LogSum)[] Rows { get; } = new (double, double, double)[count];

        public (double Own, double Top, double LogSum)[] Columns { get; } = new (double, double, double)[count];

        public void Reduce<T>((double, double, double)[] to, T* scores, int own) where T : unmanaged, IBinaryFloatingPointIeee754<T>
        {
            var (top, logSum, _) = others.Reduce(own, scores, count, own, withSum: false);
            to[own] = (double.CreateTruncating(scores[own]), top, logSum);
        }

        public RowCost CostOf((double Own, double Top, double LogSum) of) => cost.At(scale * of.Own, of.Top, of.LogSum, 0, count);

        /// <summary>Writes the gradient of a row of scores, which may be the scores themselves.</summary>
        public void Differentiate<T>((double Own, double Top, double LogSum)[] from, T* scores, int own, double slope, T* to)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
        {
            var of = CostOf(from[own]);
            if (double.IsNaN(of.Value) || double.IsNaN(slope))
            {
                new Span<T>(to, count).Fill(T.NaN);
                return;
            }
            others.WriteGradient(own, scores, count, own, from[own].Top, from[own].LogSum, slope * of.LogSum, 0, to);
            to[own] = T.CreateTruncating(slope * of.Own * scale);
        }
    }
}
