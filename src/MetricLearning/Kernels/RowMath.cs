using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Row-wise pieces that distances and losses share.</summary>
internal static class RowMath
{
    /// <summary>float16 and bfloat16 as float32; other types as they are. Always a new handle.</summary>
    /// <remarks>A view: on its way back the gradient becomes one, which nobody else holds, so that a leaf takes it over without a
    /// copy.</remarks>
    public static Tensor Widen(Tensor x) => x.dtype is ScalarType.Float16 or ScalarType.BFloat16 ? x.to(ScalarType.Float32) : x.view_as(x);

    /// <summary>Rows of length 1 in the p-norm.</summary>
    /// <remarks>A zero row stays zero and passes its gradient as it is, where x / max(‖x‖, ε) would multiply it by 1/ε.</remarks>
    public static Tensor Unit(Tensor x, double p = 2)
    {
        if (p == 2) return UnitRows.Of(x);
        var length = x.norm(1, keepdim: true, p: (float)p);
        return x / where(length == S(0), ones_like(length), length);
    }

    /// <summary>[N, D] and [M, D] → [N, M] cosines; 0 for zero rows.</summary>
    public static Tensor Cosines(Tensor x, Tensor y)
    {
        var unit = Unit(x);
        return Product.Of(unit, ReferenceEquals(x, y) ? unit : Unit(y));
    }

    /// <summary>[N, D] and [M, D] → [N, M]: 1 less the cosines.</summary>
    public static Tensor OneMinusCosines(Tensor x, Tensor y)
    {
        var unit = Unit(x);
        return Product.OneMinus(unit, ReferenceEquals(x, y) ? unit : Unit(y));
    }

    /// <summary>x and y about the mean of y: no distance changes, and far fewer digits cancel in ‖x‖² + ‖y‖² − 2x·y.</summary>
    /// <remarks>Rows that are not finite are left out of the mean, so that they spoil their own distances only.</remarks>
    public static (Tensor X, Tensor Y) AboutTheMean(Tensor x, Tensor y)
    {
        var mean = y.detach().nan_to_num(0, 0, 0).sum(dim: 0) / S(Math.Max(1, y.size(0)));
        var centered = x - mean;
        return (centered, ReferenceEquals(x, y) ? centered : y - mean);
    }

    /// <summary>log Σ exp of the entries of each row that a mask keeps. NaN is always kept.</summary>
    /// <param name="x">[N, M].</param>
    /// <param name="mask">bool [N, M].</param>
    /// <param name="empty">The value of a row that keeps nothing, with a gradient of 0; −∞ by default.</param>
    public static Tensor LogSumExp(Tensor x, Tensor mask, double empty = double.NegativeInfinity) =>
        LogSumExp(x, mask, new Affine(1), empty);

    /// <summary>log Σ exp of logits made of the entries of each row that a mask keeps. NaN is always kept.</summary>
    /// <param name="x">[N, M].</param>
    /// <param name="mask">bool [N, M].</param>
    /// <param name="logit">What is made of an entry.</param>
    /// <param name="empty">The value of a row that keeps nothing, with a gradient of 0; −∞ by default.</param>
    public static Tensor LogSumExp<TFunction>(Tensor x, Tensor mask, TFunction logit, double empty = double.NegativeInfinity)
        where TFunction : struct, IElementFunction => MaskedReductions.Of(x, mask, new MaskedLogSumExp<TFunction>(logit, empty));

    /// <summary>The entries that a mask keeps, 0 elsewhere. NaN is always kept.</summary>
    public static Tensor Keep(Tensor x, Tensor mask) => x.masked_fill((mask | x.isnan()).logical_not(), S(0));

    /// <summary>0, with a gradient of 0; NaN where an entry is not finite: for losses that may look past a row.</summary>
    public static Tensor NaNWhereNotFinite(Tensor x) => (x * S(0)).sum();

    /// <summary>A value that was made of inputs, with a way back to each; NaN where an entry of one is not finite.</summary>
    public static Tensor Guarded(Tensor value, params Tensor[] inputs) =>
        inputs.Where(input => !FiniteCheck.IsKnown(input)).Aggregate(value, (sum, input) => sum.Plus(NaNWhereNotFinite(input)));

    /// <summary>int64 [K]: every row's number.</summary>
    public static Tensor Rows(Tensor x) => Iota(x.size(0), x.device);

    /// <summary>Σ x / K of [K]; 0 for K = 0.</summary>
    public static Tensor Mean(Tensor x) => x.sum() / S(Math.Max(1, x.size(0)));

    /// <summary>log(1 + exp(x)).</summary>
    public static Tensor Softplus(Tensor x) => -nn.functional.logsigmoid(-x);

    /// <summary>How many entries a mask keeps.</summary>
    public static unsafe long Count(Tensor mask)
    {
        if (mask.device_type != TorchSharp.DeviceType.CPU || !mask.is_contiguous() || mask.numel() > int.MaxValue)
            return mask.sum().item<long>();
        return new ReadOnlySpan<byte>(TensorMemory.Of(mask), (int)mask.numel()).Count((byte)1);
    }

    /// <summary>bool: whether a mask keeps anything.</summary>
    public static unsafe Tensor Any(Tensor mask)
    {
        if (mask.device_type != TorchSharp.DeviceType.CPU || !mask.is_contiguous() || mask.numel() > int.MaxValue) return mask.any();
        return tensor(new ReadOnlySpan<byte>(TensorMemory.Of(mask), (int)mask.numel()).ContainsAnyExcept((byte)0));
    }
}
