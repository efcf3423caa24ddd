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
        return x / where(length == S(0), ones_like(length), length);
    }

    /// <summary>x and y about the mean of y: no distance changes, and far fewer digits cancel in ‖x‖² + ‖y‖² − 2x·y.</summary>
    /// <remarks>Rows that are not finite are left out of the mean, so that they spoil their own distances only.</remarks>
    public static (Tensor X, Tensor Y) AboutTheMean(Tensor x, Tensor y)
    {
        var mean = y.detach().nan_to_num(0, 0, 0).sum(dim: 0) / S(Math.Max(1, y.size(0)));
        return (x - mean, y - mean);
    }

    /// <summary>log Σ exp of the entries of each row that a mask keeps; −∞ for a row with none, with a gradient of 0. NaN is always kept.</summary>
    public static Tensor LogSumExp(Tensor x, Tensor mask)
    {
        var kept = mask | x.isnan();
        var empty = kept.any(1, keepdim: true).logical_not();
        var sums = x.masked_fill(kept.logical_not(), S(double.NegativeInfinity)).masked_fill(empty, S(0)).logsumexp(1);
        return sums.masked_fill(empty.squeeze(1), S(double.NegativeInfinity));
    }

    /// <summary>log(1 + exp(x)).</summary>
    public static Tensor Softplus(Tensor x) => -nn.functional.logsigmoid(-x);

    /// <summary>For each anchor softplus(lse of the positives' pull + lse of the negatives' push); 0 where either is missing.</summary>
    public static LossTerm Softplus(Tensor pull, Tensor push, Pairs pairs) => new(
        Softplus(LogSumExp(pull, pairs.Positives).Plus(LogSumExp(push, pairs.Negatives))),
        Iota(pairs.Rows, pull.device));
}
