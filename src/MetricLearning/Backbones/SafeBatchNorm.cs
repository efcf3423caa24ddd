using System.Runtime.CompilerServices;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Batch norm that is safe from the garbage collector: y = (x − μ) / √(σ² + ε) · weight + bias for each channel, where μ and σ²
/// are those of the batch in training, and the running ones in evaluation.</summary>
/// <remarks>
/// TorchSharp's own batch norm counts its batches with a scalar that a garbage collection may free during the native call. This one keeps
/// it alive. All values, the running statistics and the names of the state (<c>weight, bias, running_mean, running_var,
/// num_batches_tracked</c>) are those of TorchSharp's and PyTorch's <c>BatchNorm1d</c> and <c>BatchNorm2d</c>, so weights of either load.
/// In training, running ← (1 − momentum) · running + momentum · batch, with the unbiased variance. The backbones and heads of the library
/// use it. Ioffe and Szegedy, <i>Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift</i>, ICML
/// 2015.
/// <para>Thread safety: one thread at a time in training; in evaluation any number of threads.</para>
/// </remarks>
/// <example><code>
/// using var network = nn.Sequential(nn.Conv2d(3, 64, 3, bias: false), new SafeBatchNorm(64), nn.ReLU());
/// </code></example>
public sealed class SafeBatchNorm : BatchNorm
{
    private readonly double factor;

    /// <summary>Sets up the layer with weights 1, biases 0, running means 0 and running variances 1.</summary>
    /// <param name="channels">The number of channels C, at least 1.</param>
    /// <param name="epsilon">ε, greater than 0. Default: 1e-5.</param>
    /// <param name="momentum">The share of a batch in the running statistics, from 0 to 1. Default: 0.1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are no channels, ε is not greater than 0 or not finite, or the momentum is not
    /// from 0 to 1.</exception>
    public SafeBatchNorm(long channels, double epsilon = 1e-5, double momentum = 0.1) : base(Guard.AtLeast(channels, 1),
        Guard.Positive(epsilon), Guard.Within(momentum, 0, 1), affine: true, track_running_stats: true, device: null, dtype: null,
        nameof(SafeBatchNorm)) => factor = momentum;

    /// <summary>Normalizes each channel.</summary>
    /// <param name="input">[N, C, ...] with two to five dimensions, of the type of the weights; or float16 or bfloat16 for float32
    /// weights.</param>
    /// <returns>A tensor like the input.</returns>
    /// <exception cref="ArgumentException">The input has another shape or type; or in training it has one value for each channel, which has
    /// no unbiased variance.</exception>
    public override Tensor forward(Tensor input)
    {
        ValidateInputDimensions(input);
        RequireType(input);
        if (training && input.numel() == num_features) throw new ArgumentException(
            $"input must have at least two values for each channel in training, got {Guard.Shape(input)}.", nameof(input));
        var normalized = nn.functional.batch_norm(input, running_mean, running_var, weight, bias, training, factor, eps);
        if (training) num_batches_tracked!.add_(S(1), S(1));
        return normalized;
    }

    /// <summary>Requires an input of a type that the native batch norm takes.</summary>
    internal void RequireType(Tensor input, [CallerArgumentExpression(nameof(input))] string name = "")
    {
        var type = running_mean!.dtype;
        if (input.dtype != type && !(type == ScalarType.Float32 && input.dtype is ScalarType.Float16 or ScalarType.BFloat16))
            throw new ArgumentException($"{name} must be {type} as the weights of {GetName()}, got {input.dtype}.", name);
    }

    /// <inheritdoc/>
    protected override void ValidateInputDimensions(Tensor input)
    {
        Guard.InUse(this);
        Guard.Alive(input);
        if (input.dim() is < 2 or > 5 || input.shape[1] != num_features) throw new ArgumentException(
            $"input must be [N, {num_features}, ...] with two to five dimensions, got {Guard.Shape(input)}.", nameof(input));
    }
}
