using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Extracts features of images at test time: the embedding or the output of a layer, averaged over mirrored and resized
/// views.</summary>
/// <remarks>
/// <para>The model must be in evaluation mode; it runs without gradient. Images are converted to the type of its weights, so that a model
/// in half precision (<c>model.to(ScalarType.BFloat16)</c>) extracts in half precision; the features are float32 in any case. A map [N, C,
/// h, w] becomes its mean over positions, [N, C].</para>
/// <para>Thread safety: any number of threads may extract at once. Construct the extractor of a layer before other threads call the model
/// directly, because it adds a hook to each layer: see <see cref="LayerFeatures"/>.</para>
/// </remarks>
public sealed class FeatureExtractor
{
    private readonly Func<ScalarType?> type;
    private readonly Func<Tensor, Tensor> features;

    /// <summary>Extracts the embedding of a model, or the output of one of its layers.</summary>
    /// <param name="model">The model; the caller keeps and disposes it.</param>
    /// <param name="layer">The layer's dotted name, one of <see cref="LayerFeatures.Names"/>; null for the embedding.</param>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    /// <exception cref="ArgumentException">There is no such layer; the message lists names like it.</exception>
    public FeatureExtractor(EmbeddingModel model, string? layer = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (layer is not null) LayerFeatures.Prepare(model, layer);
        type = () => model.parameters().Select(weight => (ScalarType?)weight.dtype).FirstOrDefault();
        features = layer is null ? model.Embed : images => LayerFeatures.Of(model, images, layer);
    }

    /// <summary>Extracts the embedding with a fast copy of a model.</summary>
    /// <param name="model">The copy; the caller keeps and disposes it.</param>
    /// <exception cref="ArgumentNullException">The copy is null.</exception>
    public FeatureExtractor(InferenceModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        type = () => model.Type;
        features = model.Embed;
    }

    /// <summary>Whether the mirror image of each image is used too. Default: no.</summary>
    public bool Flip { get; init; }

    /// <summary>The sizes to which each image is resized, as multiples of its own; bilinear, without anti-aliasing. Default: only
    /// 1.</summary>
    /// <exception cref="ArgumentException">The list is null or empty, or an entry is not a finite number above 0.</exception>
    public IReadOnlyList<double> Scales
    {
        get;
        init
        {
            Guard.NotNull(value);
            if (value.Count == 0) throw new ArgumentException("Scales must have at least one entry.", nameof(Scales));
            foreach (var scale in value) Guard.Positive(scale, nameof(Scales));
            field = [.. value];
        }
    } = [1];

    /// <summary>Computes the features of a batch: the mean over all views.</summary>
    /// <param name="images">[N, C, H, W] on the device of the weights.</param>
    /// <returns>[N, D] float32. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">The images do not fit, or the layer gives neither [N, D] nor [N, C, h, w].</exception>
    /// <exception cref="InvalidOperationException">A module is in training mode, or the model did not run the layer.</exception>
    public Tensor Extract(Tensor images)
    {
        Guard.Alive(images);
        if (images.dim() != 4) throw new ArgumentException($"images must be [N, C, H, W], got {Guard.Shape(images)}.", nameof(images));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor? sum = null;
        foreach (var view in Views(images.to(type() ?? images.dtype)))
        {
            var part = Vectors(features(view));
            sum = sum is null ? part : sum.Plus(part);
        }
        var views = Scales.Count * (Flip ? 2 : 1);
        return (views == 1 ? sum! : sum! / S(views)).MoveToOuterDisposeScope();
    }

    private IEnumerable<Tensor> Views(Tensor images)
    {
        foreach (var scale in Scales)
        {
            var view = scale == 1 ? images
                : nn.functional.interpolate(images, [Pixels(2, scale), Pixels(3, scale)], mode: InterpolationMode.Bilinear,
                    align_corners: false);
            yield return view;
            if (Flip) yield return view.flip(3);
        }

        long Pixels(int dimension, double scale) => Math.Max(1, (long)Math.Round(images.size(dimension) * scale));
    }

    private static Tensor Vectors(Tensor output) => output.dim() switch
    {
        2 => output.to(ScalarType.Float32),
        4 => output.to(ScalarType.Float32).mean([2, 3]),
        _ => throw new ArgumentException($"The layer must give [N, D] or [N, C, h, w], got {Guard.Shape(output)}."),
    };
}
