using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Row-wise functions that distances and losses share.</summary>
internal static class RowMath
{
    /// <summary>Converts float16 and bfloat16 to float32; other types stay as they are. The result is always a new handle.</summary>
    /// <remarks>For other types the result is a view. In the backward pass its gradient is a tensor that nobody else holds, so autograd can
    /// store it in a leaf without a copy.</remarks>
    public static Tensor Widen(Tensor x) => x.dtype is ScalarType.Float16 or ScalarType.BFloat16 ? x.to(ScalarType.Float32) : x.view_as(x);

    /// <summary>Scales each row to length 1 in the p-norm.</summary>
    /// <remarks>A zero row stays zero and passes its gradient unchanged; x / max(‖x‖, ε) would multiply the gradient by 1/ε.</remarks>
    public static Tensor Unit(Tensor x, double p = 2) => p == 2 ? UnitRows.Of(x) : UnitRows.Plain(x, p);

    /// <summary>Scales x along a dimension to length 1: <c>x / max(‖x‖, ε)</c>, in the type of x.</summary>
    /// <remarks>Half precision is computed in float32: its own 10⁻¹² would be 0, so a zero row would be NaN, and its lengths end at 65,504.
    /// If the length is not finite, the row is NaN: without that, a row whose squares overflow would be 0.</remarks>
    public static Tensor Normalized(Tensor x, int dim, double epsilon = 1e-12)
    {
        var wide = Widen(x);
        var length = wide.norm(dim, keepdim: true);
        var guard = (length - length).detach();
        var divisor = length.clamp_min(S(wide.dtype == ScalarType.Float32 ? Math.Max(epsilon, float.Epsilon) : epsilon)).Plus(guard);
        return (wide / divisor).to(x.dtype);
    }

    /// <summary>[N, D] and [M, D] → [N, M] cosines; 0 for zero rows.</summary>
    public static Tensor Cosines(Tensor x, Tensor y)
    {
        var unit = Unit(x);
        return Product.Of(unit, ReferenceEquals(x, y) ? unit : Unit(y));
    }

    /// <summary>[N, D] and [M, D] → [N, M]: 1 − cosine; 1 for zero rows.</summary>
    public static Tensor OneMinusCosines(Tensor x, Tensor y)
    {
        var unit = Unit(x);
        return Product.OneMinus(unit, ReferenceEquals(x, y) ? unit : Unit(y));
    }

    /// <summary>Subtracts from each entry the mean along a dimension.</summary>
    /// <remarks>The first entry is subtracted before the mean is taken, so entries that are all equal give exactly 0, which a rounded mean
    /// would not, and fewer digits cancel.</remarks>
    public static Tensor Deviations(Tensor x, long dim)
    {
        var differences = x - First(x, dim);
        return differences - differences.mean([dim], keepdim: true);
    }

    /// <summary>The mean along a dimension, which stays as size 1. Entries that are all equal have exactly that mean.</summary>
    public static Tensor MeanAlong(Tensor x, long dim)
    {
        var first = First(x, dim);
        return first.Plus((x - first).mean([dim], keepdim: true));
    }

    /// <summary>Subtracts the mean row of y from x and y. No distance changes, and far fewer digits cancel in ‖x‖² + ‖y‖² − 2x·y.</summary>
    /// <remarks>Entries that are not finite count as 0 in the mean, so that they spoil the distances of their own row only.</remarks>
    public static (Tensor X, Tensor Y) AboutTheMean(Tensor x, Tensor y)
    {
        var mean = y.detach().nan_to_num(0, 0, 0).sum(dim: 0) / S(Math.Max(1, y.size(0)));
        var centered = x - mean;
        return (centered, ReferenceEquals(x, y) ? centered : y - mean);
    }

    /// <summary><c>log Σ exp</c> of the entries of each row that a mask keeps, [N]. NaN is always kept.</summary>
    /// <param name="x">[N, M].</param>
    /// <param name="mask">bool [N, M].</param>
    /// <param name="empty">The value of a row that keeps no entry, with a gradient of 0; −∞ by default.</param>
    public static Tensor LogSumExp(Tensor x, Tensor mask, double empty = double.NegativeInfinity) =>
        LogSumExp(x, mask, new Affine(1), empty);

    /// <summary><c>log Σ exp(f(x))</c> over the entries x of each row that a mask keeps, [N]. NaN is always kept.</summary>
    /// <param name="x">[N, M].</param>
    /// <param name="mask">bool [N, M].</param>
    /// <param name="logit">f, which makes a logit of an entry.</param>
    /// <param name="empty">The value of a row that keeps no entry, with a gradient of 0; −∞ by default.</param>
    public static Tensor LogSumExp<TFunction>(Tensor x, Tensor mask, TFunction logit, double empty = double.NegativeInfinity)
        where TFunction : struct, IElementFunction => MaskedReductions.Of(x, mask, new MaskedLogSumExp<TFunction>(logit, empty));

    /// <summary>Sets the entries that a mask does not keep to 0. NaN is always kept.</summary>
    public static Tensor Keep(Tensor x, Tensor mask) => x.masked_fill((mask | x.isnan()).logical_not(), S(0));

    /// <summary>A scalar 0 with a gradient of 0; NaN if an entry of x is not finite. For losses that do not read every row.</summary>
    public static Tensor NaNWhereNotFinite(Tensor x) => (x * S(0)).sum();

    /// <summary>The value itself; NaN if an entry of an input is not finite. It adds a gradient of 0 to each input that is not known to be
    /// finite.</summary>
    public static Tensor Guarded(Tensor value, params Tensor[] inputs) =>
        inputs.Where(input => !FiniteCheck.IsKnown(input)).Aggregate(value, (sum, input) => sum.Plus(NaNWhereNotFinite(input)));

    /// <summary>The row indices 0, 1, ... K − 1 of x, int64 [K].</summary>
    public static Tensor Rows(Tensor x) => Iota(x.size(0), x.device);

    /// <summary>The mean of x [K]; 0 for K = 0.</summary>
    public static Tensor Mean(Tensor x) => x.size(0) == 0 ? x.sum() : x.mean();

    /// <summary>log(1 + exp(x)).</summary>
    public static Tensor Softplus(Tensor x) => -nn.functional.logsigmoid(-x);

    private static Tensor First(Tensor x, long dim) => x.detach().narrow(dim, 0, Math.Min(1, x.size((int)dim)));

    /// <summary>The number of entries that a mask keeps.</summary>
    public static unsafe long Count(Tensor mask)
    {
        if (mask.device_type != TorchSharp.DeviceType.CPU || !mask.is_contiguous() || mask.numel() > int.MaxValue)
            return mask.sum().item<long>();
        return new ReadOnlySpan<byte>(TensorMemory.Of(mask), (int)mask.numel()).Count((byte)1);
    }

    /// <summary>The first column that a mask [N, M] keeps in each row, int64 [N]; −1 where it keeps none.</summary>
    public static unsafe Tensor FirstKept(Tensor mask)
    {
        using var scope = NewDisposeScope();
        if (mask.device_type != TorchSharp.DeviceType.CPU || mask.size(1) > int.MaxValue)
            return mask.to(ScalarType.Byte).argmax(1).masked_fill(mask.any(1).logical_not(), S(-1)).MoveToOuterDisposeScope();
        var contiguous = TensorMemory.Contiguous(mask);
        var first = TensorMemory.Of(contiguous);
        var width = (int)mask.size(1);
        var columns = new long[mask.size(0)];
        for (var row = 0L; row < columns.Length; row++) columns[row] = new ReadOnlySpan<byte>(first + row * width, width).IndexOf((byte)1);
        return tensor(columns).MoveToOuterDisposeScope();
    }

    /// <summary>A bool scalar: whether a mask keeps any entry.</summary>
    public static unsafe Tensor Any(Tensor mask)
    {
        if (mask.device_type != TorchSharp.DeviceType.CPU || !mask.is_contiguous() || mask.numel() > int.MaxValue) return mask.any();
        return tensor(new ReadOnlySpan<byte>(TensorMemory.Of(mask), (int)mask.numel()).ContainsAnyExcept((byte)0));
    }
}
