using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Row-wise pieces that distances and losses share.</summary>
internal static class RowMath
{
    /// <summary>float16 and bfloat16 as float32; other types as they are. Always a new handle.</summary>
    public static Tensor Widen(Tensor x) => x.dtype is ScalarType.Float16 or ScalarType.BFloat16 ? x.to(ScalarType.Float32) : x.alias();

    /// <summary>Rows of length 1 in the p-norm. A zero row stays zero and passes its gradient as it is, where x / max(‖x‖, ε) would multiply it by 1/ε.</summary>
    public static Tensor Unit(Tensor x, double p = 2)
    {
        var length = x.norm(1, keepdim: true, p: (float)p);
        return x / where(length == 0, ones_like(length), length);
    }

    /// <summary>x and y about the mean of y: no distance changes, and far fewer digits cancel in ‖x‖² + ‖y‖² − 2x·y.</summary>
    /// <remarks>Rows that are not finite are left out of the mean, so that they spoil their own distances only.</remarks>
    public static (Tensor X, Tensor Y) AboutTheMean(Tensor x, Tensor y)
    {
        var mean = y.detach().nan_to_num(0, 0, 0).sum(dim: 0) / Math.Max(1, y.size(0));
        return (x - mean, y - mean);
    }
}
