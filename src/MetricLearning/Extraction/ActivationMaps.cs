using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Shows where in an image a network's features are strong, as in torchreid's <c>visualize_actmap</c>.</summary>
/// <remarks>Thread safety: any number of threads may call this at once. It computes with features, not with a model.</remarks>
public static class ActivationMaps
{
    /// <summary>Computes <c>a(y, x) = Σ_c f(c, y, x)² / ‖Σ_c f²‖₂</c>: the sum of squares over the channels, with each map scaled to length
    /// 1. Half precision is computed in float32.</summary>
    /// <param name="features">[N, C, h, w], such as <c>LayerFeatures.Of(model, images, "backbone")</c>.</param>
    /// <returns>[N, h, w], at least 0, of the type of the features; a map of zeros stays 0. The caller disposes it.</returns>
    /// <exception cref="ArgumentNullException">The features are null.</exception>
    /// <exception cref="ArgumentException">The features are not [N, C, h, w].</exception>
    public static Tensor Of(Tensor features)
    {
        Guard.Alive(features);
        if (features.dim() != 4) throw new ArgumentException($"features must be [N, C, h, w], got {Guard.Shape(features)}.",
            nameof(features));
        using var scope = NewDisposeScope();
        var energy = RowMath.Widen(features).pow(S(2)).sum(1);
        return RowMath.Normalized(energy.flatten(1), dim: 1).reshape(energy.shape).to(features.dtype).MoveToOuterDisposeScope();
    }
}
