using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Lengths of rows that neither overflow nor become 0 if a power of their numbers does.</summary>
internal static class RowLengths
{
    /// <summary>The p-norm of each row, [N]; 0 with a gradient of 0 for a zero row.</summary>
    /// <param name="x">[N, D], float32 or float64, D at least 1.</param>
    /// <param name="p">The order, above 0, or infinite.</param>
    public static Tensor Of(Tensor x, double p = 2)
    {
        if (p == 1) return x.norm(1, p: 1);     // it takes no powers
        var scale = Scale(x.detach().abs().amax([1], keepdim: true));
        return (x / scale).norm(1, p: (float)p) * scale.squeeze(1);
    }

    /// <summary>A power of two, [], near the largest finite number of both matrices. To divide by it changes only exponents.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[M, D].</param>
    public static Tensor ScaleOf(Tensor x, Tensor y)
    {
        Tensor[] largest = [.. new[] { x, y }.Where(matrix => matrix.numel() > 0)
            .Select(matrix => matrix.detach().nan_to_num(0, 0, 0).abs().max())];
        return Scale(largest.Length == 0 ? ones([], x.dtype, x.device) : largest.Aggregate(maximum));
    }

    /// <summary>The greatest powers of two that are not above given numbers; 1 for 0.</summary>
    private static Tensor Scale(Tensor largest) => where(largest == S(0), ones_like(largest), largest.log2().floor().exp2());
}
