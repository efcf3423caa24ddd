using System.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Computes the numbers that a cross entropy needs for each row of class scores: the score of the own class, and the maximum, the
/// log-sum-exp and the sum of the logits of the other classes. Or it computes the costs that these numbers give.</summary>
/// <remarks>
/// The forward pass and the backward pass read the scores once each. If the scores are a product, the backward pass writes their gradient
/// over them, so only one matrix [N, C] exists. A second backward pass through the same graph multiplies again. The cross entropy is
/// <c>log(1 + exp(others − own))</c>, so the logit of the own class may be any function of its score. The numbers are float64, and the
/// maximum is kept apart from the sums, so large logits lose no digits. A score of +∞ makes the log-sum-exp NaN. One thread reduces each
/// row, so the bits do not depend on the number of threads. Tensor operations compute second derivatives, and all types and devices other
/// than float32 and float64 on the CPU.
/// </remarks>
internal sealed unsafe class ClassSums : autograd.SingleTensorFunction<ClassSums>
{
    private const int Results = 4;
    private const string PlanKey = "plan";

    /// <summary>A pass computes an exponential for each score, which takes as long as reading this many numbers.</summary>
    private const int WorkPerScore = 4;

    /// <inheritdoc/>
    public override string Name => nameof(ClassSums);

    /// <summary>Reduces each row. All results are [N], float64 if the device supports it. The log-sum-exp and the sum are taken after the
    /// maximum of the other logits, <c>Top</c>, is subtracted. <c>Top</c> has no gradient, because it cancels in the cross
    /// entropy.</summary>
    /// <param name="scores">[N, C], float32 or float64.</param>
    /// <param name="labels">int64 [N] in [0, C).</param>
    /// <param name="others">Makes the logits of the other classes.</param>
    public static (Tensor Own, Tensor Top, Tensor LogSum, Tensor Sum) Of(ClassScores scores, Tensor labels, OtherLogits others)
    {
        using var scope = NewDisposeScope();
        var sums = Of(scores, labels, new Plan(others));
        using var top = sums.select(0, 1);
        return (Row(0), top.detach().MoveToOuterDisposeScope(), Row(2), Row(3));

        Tensor Row(long place) => sums.select(0, place).MoveToOuterDisposeScope();
    }

    /// <summary>The cost of each row: [N], in the type of the scores. The kernel makes it in the same pass.</summary>
    /// <param name="scores">[N, C], float32 or float64.</param>
    /// <param name="labels">int64 [N] in [0, C).</param>
    /// <param name="others">Makes the logits of the other classes.</param>
    /// <param name="own">Makes the logit of the own class.</param>
    /// <param name="cost">Makes the cost.</param>
    public static Tensor Costs(ClassScores scores, Tensor labels, OtherLogits others, OwnLogit own, ClassCost cost)
    {
        using var scope = NewDisposeScope();
        return Of(scores, labels, new Plan(others, own, cost)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (rows, vectors, labels, plan) = ((Tensor)vars[0], (Tensor?)vars[1], (Tensor)vars[2], (Plan)vars[3]);
        // The saved tensors must be alive until this method has returned; the caller's scope frees it.
        var scores = Matrix(rows, vectors);
        var results = empty(Results, scores.size(0), ScalarType.Float64);
        var costs = plan.Cost is null ? null : empty(scores.size(0), scores.dtype);
        if (scores.dtype == ScalarType.Float32) Reduce<float>(scores, labels, plan, results, costs);
        else Reduce<double>(scores, labels, plan, results, costs);
        ctx.save_for_backward(vectors is null ? [labels, results, rows] : [labels, results, rows, vectors, scores]);
        ctx.save_data(PlanKey, plan);
        return costs ?? results;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (saved, plan) = (ctx.get_saved_variables(), (Plan)ctx.get_data(PlanKey));
        var (labels, results, rows, vectors) = (saved[0], saved[1], saved[2], saved.Count > 3 ? saved[3] : null);
        Tensor?[] gradients;
        if (is_grad_enabled())
        {
            gradients = Gradient.Differentiable(inputs => Plain(new(inputs[0]!, inputs[1]), labels, plan), grad_output, rows, vectors);
        }
        else if (vectors is null)
        {
            gradients = [Gradients(rows, labels, plan, results, grad_output, empty_like(rows)), null];
        }
        else
        {
            var scores = plan.IsOverwritten ? Matrix(rows, vectors) : saved[4];
            plan.IsOverwritten |= ReferenceEquals(scores, saved[4]);
            var ofScores = Gradients(scores, labels, plan, results, grad_output, scores);
            gradients = [rows.requires_grad ? ofScores.matmul(vectors) : null, vectors.requires_grad ? ofScores.t().matmul(rows) : null];
        }
        grad_output.Dispose();
        return Gradient.Return([.. gradients, null, null]);
    }

    private static Tensor Of(ClassScores scores, Tensor labels, Plan plan)
    {
        var (rows, vectors) = (scores.Rows, scores.Vectors);
        if (!SimdRows.Supports(rows) || rows.size(0) > int.MaxValue || scores.Classes > int.MaxValue) return Plain(scores, labels, plan);
        return apply(vectors is null ? TensorMemory.Contiguous(rows) : rows, vectors!, TensorMemory.Contiguous(labels), plan);
    }

    private static Tensor Matrix(Tensor rows, Tensor? vectors)
    {
        if (vectors is null) return rows;
        using var transposed = vectors.t();
        return rows.matmul(transposed);
    }

    private static Tensor Plain(ClassScores scores, Tensor labels, Plan plan)
    {
        var sums = Plain(scores, labels, plan.Others);
        if (plan.Cost is null) return sums;
        var rows = sums.unbind(0);
        return plan.Cost.Plain(plan.Own.Plain(rows[0]), rows[1].detach(), rows[2], rows[3], scores.Classes).to(scores.Rows.dtype);
    }

    private static Tensor Plain(ClassScores scores, Tensor labels, OtherLogits others)
    {
        var matrix = scores.Matrix;
        // Metal has no float64.
        var type = matrix.device_type == DeviceType.MPS ? matrix.dtype : ScalarType.Float64;
        var places = labels.unsqueeze(1);
        var logits = others.Plain(matrix);
        var rest = logits.scatter(1, places, full_like(places, S(double.NegativeInfinity), logits.dtype));
        var largest = rest.detach().amax([1], keepdim: true);
        var shift = largest.masked_fill(largest == S(double.NegativeInfinity), S(0));
        var logSum = (rest - shift).logsumexp(1).to(type);
        var sum = (logits - shift).scatter(1, places, zeros_like(places, logits.dtype)).sum(1).to(type);
        var own = matrix.gather(1, places).squeeze(1).to(type);
        logSum = logSum.masked_fill(own == S(double.PositiveInfinity), S(double.NaN));
        return stack([own, shift.squeeze(1).to(type), logSum, sum], 0);
    }

    private static Tensor Gradients(Tensor scores, Tensor labels, Plan plan, Tensor results, Tensor outer, Tensor gradient)
    {
        var incoming = TensorMemory.Contiguous(outer);
        if (scores.dtype == ScalarType.Float32) WriteGradients<float>(scores, labels, plan, results, incoming, gradient);
        else WriteGradients<double>(scores, labels, plan, results, incoming, gradient);
        return gradient;
    }

    private static void Reduce<T>(Tensor scores, Tensor labels, Plan plan, Tensor results, Tensor? costs)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (rows, classes, to) = ((nint)TensorMemory.Of(scores), (nint)TensorMemory.Of(labels), (nint)TensorMemory.Of(results));
        var (count, width, ofRows) = (scores.size(0), (int)scores.size(1), costs is null ? 0 : (nint)TensorMemory.Of(costs));
        var withSum = plan.Cost?.UsesSum ?? true;
        Threads.ForRows(count, width, i =>
        {
            T* row = (T*)rows + i * width;
            double* result = (double*)to + i;
            var own = (int)((long*)classes)[i];
            result[0] = double.CreateTruncating(row[own]);
            (result[count], result[2 * count], result[3 * count]) = plan.Others.Reduce((int)i, row, width, own, withSum);
            if (double.IsPositiveInfinity(result[0])) result[2 * count] = double.NaN;
            if (plan.Cost is not null) ((T*)ofRows)[i] = T.CreateTruncating(plan.CostOf(result, count, width).Value);
        }, WorkPerScore);
    }

    private static void WriteGradients<T>(Tensor scores, Tensor labels, Plan plan, Tensor results, Tensor incoming, Tensor gradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (rows, classes, to) = ((nint)TensorMemory.Of(scores), (nint)TensorMemory.Of(labels), (nint)TensorMemory.Of(gradient));
        var (values, outer) = ((nint)TensorMemory.Of(results), (nint)TensorMemory.Of(incoming));
        var (count, width) = (scores.size(0), (int)scores.size(1));
        Threads.ForRows(count, width, i =>
        {
            T* row = (T*)to + i * width;
            double* value = (double*)values + i;
            var own = (int)((long*)classes)[i];
            var (ofOwn, ofLogSum, ofSum) = Slopes(i, value);
            if (double.IsNaN(value[2 * count]) || double.IsNaN(ofLogSum) || double.IsNaN(ofSum))
            {
                new Span<T>(row, width).Fill(T.NaN);
                return;
            }
            plan.Others.WriteGradient((int)i, (T*)rows + i * width, width, own, value[count], value[2 * count], ofLogSum, ofSum, row);
            row[own] = T.CreateTruncating(ofOwn);
        }, WorkPerScore);

        (double Own, double LogSum, double Sum) Slopes(long i, double* value)
        {
            if (plan.Cost is null)
            {
                double* slope = (double*)outer + i;
                return (slope[0], slope[2 * count], slope[3 * count]);
            }
            var (cost, factor) = (plan.CostOf(value, count, width), double.CreateTruncating(((T*)outer)[i]));
            return (factor * cost.Own * plan.Own.Scale, factor * cost.LogSum, factor * cost.Sum);
        }
    }

    /// <summary>What a pass computes: the logits, and the costs if there is a cost function.</summary>
    private sealed class Plan(OtherLogits others, OwnLogit own = default, ClassCost? cost = null)
    {
        public OtherLogits Others => others;

        public OwnLogit Own => own;

        /// <summary>Makes the costs of the numbers; null if the numbers themselves are the results.</summary>
        public ClassCost? Cost => cost;

        /// <summary>Whether a backward pass has written its gradient over the scores.</summary>
        public bool IsOverwritten { get; set; }

        /// <summary>The cost of a row whose numbers are <paramref name="count"/> entries apart.</summary>
        public RowCost CostOf(double* numbers, long count, long classes) =>
            cost!.At(own.At(numbers[0]), numbers[count], numbers[2 * count], numbers[3 * count], classes);
    }
}
