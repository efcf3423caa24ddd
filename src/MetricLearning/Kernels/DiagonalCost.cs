using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The squares of a matrix of correlations or covariances: those of the diagonal about a target, and those of all other entries,
/// each with a weight.</summary>
/// <remarks>
/// <code>own · Σ_i (target − c_ii)² + other · Σ_{i≠j} c_ij²</code>
/// <para>The sums are float64. Each pass reads the matrix once; tensor operations would write several matrices of its size. They compute
/// second derivatives, and all types and devices other than float32 and float64 on the CPU.</para>
/// </remarks>
internal sealed unsafe class DiagonalCost : autograd.SingleTensorFunction<DiagonalCost>
{
    private const string SettingsKey = "settings";

    /// <inheritdoc/>
    public override string Name => nameof(DiagonalCost);

    /// <summary>Computes the cost, a scalar with gradient. The caller disposes it.</summary>
    /// <param name="matrix">[D, D]; D at least 1.</param>
    /// <param name="target">The target of the diagonal.</param>
    /// <param name="own">The weight of the diagonal.</param>
    /// <param name="other">The weight of the other entries.</param>
    public static Tensor Of(Tensor matrix, double target, double own, double other)
    {
        using var scope = NewDisposeScope();
        var settings = new Settings(target, own, other);
        var cost = SimdRows.Supports(matrix) && matrix.size(0) <= int.MaxValue ? apply(matrix.contiguous(), settings)
            : Plain(matrix.contiguous(), settings);
        return cost.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (matrix, settings) = ((Tensor)vars[0], (Settings)vars[1]);
        ctx.save_for_backward([matrix]);
        ctx.save_data(SettingsKey, settings);
        return matrix.dtype == ScalarType.Float32 ? Cost<float>(matrix, settings) : Cost<double>(matrix, settings);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (matrix, settings) = (ctx.get_saved_variables()[0], (Settings)ctx.get_data(SettingsKey));
        var gradient = is_grad_enabled()
            ? Gradient.Differentiable(inputs => Plain(inputs[0]!, settings), grad_output, matrix)[0]
            : Slopes(matrix, settings, grad_output);
        grad_output.Dispose();
        return Gradient.Return(gradient, null);
    }

    private static Tensor Plain(Tensor matrix, Settings settings)
    {
        var d = matrix.size(0);
        // The diagonal has every (D + 1)th entry, so it is the first column of rows of D + 1 entries. No entry is copied.
        var others = matrix.view(-1).narrow(0, 0, d * d - 1).view(d - 1, d + 1).narrow(1, 1, d);
        return (S(settings.Own) * (S(settings.Target) - matrix.diagonal()).pow(S(2)).sum())
            .Plus(S(settings.Other) * others.pow(S(2)).sum());
    }

    private static Tensor Cost<T>(Tensor matrix, Settings settings) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (rows, count) = ((nint)TensorMemory.Of(matrix), (int)matrix.size(0));
        var (own, other) = (new double[count], new double[count]);
        Threads.ForRows(count, count, i =>
        {
            T* row = (T*)rows + i * count, after = row + i + 1;
            var difference = settings.Target - double.CreateTruncating(row[i]);
            own[i] = difference * difference;
            other[i] = SimdRows.Dot(row, row, (int)i) + SimdRows.Dot(after, after, count - (int)i - 1);
        });
        var cost = empty([], matrix.dtype);
        *(T*)TensorMemory.Of(cost) = T.CreateTruncating(settings.Own * own.Sum() + settings.Other * other.Sum());
        return cost;
    }

    private static Tensor Slopes(Tensor matrix, Settings settings, Tensor outer)
    {
        var gradient = empty_like(matrix);
        if (matrix.dtype == ScalarType.Float32) Differentiate<float>(matrix, settings, outer, gradient);
        else Differentiate<double>(matrix, settings, outer, gradient);
        return gradient;
    }

    private static void Differentiate<T>(Tensor matrix, Settings settings, Tensor outer, Tensor gradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (rows, to, count) = ((nint)TensorMemory.Of(matrix), (nint)TensorMemory.Of(gradient), (int)matrix.size(0));
        var factor = 2 * double.CreateTruncating(*(T*)TensorMemory.Of(outer));
        Threads.ForRows(count, count, i =>
        {
            T* row = (T*)rows + i * count, slopes = (T*)to + i * count;
            Scale(row, T.CreateTruncating(factor * settings.Other), count, slopes);
            slopes[i] = T.CreateTruncating(factor * settings.Own * (double.CreateTruncating(row[i]) - settings.Target));
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scale<T>(T* row, T factor, int count, T* scaled) where T : unmanaged
    {
        var times = Vector256.Create(factor);
        for (var i = 0; i < count; i += Vector256<T>.Count) SimdRows.Store(scaled, i, count, SimdRows.Load(row, i, count) * times);
    }

    private sealed record Settings(double Target, double Own, double Other);
}
