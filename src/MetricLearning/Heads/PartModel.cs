using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Turns images into the features, the embedding and the class scores of several parts.</summary>
/// <remarks>
/// <para>To add one, derive a class, keep the layers in fields, call <c>RegisterComponents()</c> at the end of the constructor, and
/// implement <see cref="Parts"/> with <c>.call(x)</c> on every layer.</para>
/// <para>Thread safety: in evaluation mode any number of threads may embed at once. Training, loading weights, moving the model and
/// switching its mode are for one thread, while no other uses the model.</para>
/// </remarks>
public abstract class PartModel : nn.Module<Tensor, PartOutput>
{
    /// <summary>Creates the model with its name and its number of classes.</summary>
    /// <param name="name">Its name, as summaries print it.</param>
    /// <param name="classes">The number of classes C (identities) of each classifier; 0 for a model without classifiers.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of classes is negative.</exception>
    protected PartModel(string name, long classes) : base(name) => Classes = Guard.AtLeast(classes, 0);

    /// <summary>The number of classes C (identities) of each classifier; 0 without classifiers.</summary>
    public long Classes { get; }

    /// <summary>The length of <see cref="PartOutput.Embedding"/>.</summary>
    public abstract long EmbeddingDimension { get; }

    /// <summary>Computes features, embedding and logits of a batch of images.</summary>
    /// <param name="images">[N, 3, H, W], of the type and on the device of the weights.</param>
    /// <returns>The tensors, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The images do not fit, or batch norm would train on one image; the message says
    /// which.</exception>
    public sealed override PartOutput forward(Tensor images)
    {
        Guard.InUse(this);
        Guard.Alive(images);
        if (training && images.dim() > 0 && images.size(0) < 2)
            throw new ArgumentException(
                $"images must be at least 2 while {GetName()} trains (batch norm has no variance of one), got {Guard.Shape(images)}; call "
                    + $"eval() first to extract.",
                nameof(images));
        using var scope = NewDisposeScope();
        var output = Returned.Value(Parts(images), this);
        Returned.Shape(output.Embedding, this, nameof(Parts), images.size(0), EmbeddingDimension);
        return output.MoveToOuter(scope);
    }

    /// <summary>Computes only the embeddings, without gradient, as they are compared at test time. The model must be in evaluation
    /// mode.</summary>
    /// <param name="images">[N, 3, H, W], of the type and on the device of the weights.</param>
    /// <returns>[N, <see cref="EmbeddingDimension"/>]. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">The images do not fit; the message says why.</exception>
    /// <exception cref="InvalidOperationException">A module is in training mode; the message names it and says what to do.</exception>
    public Tensor Embed(Tensor images)
    {
        EvaluationMode.Require(this);
        using var pass = LayerTaps.BeginPass();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return call(images).Embedding.MoveToOuterDisposeScope();
    }

    /// <summary>Outputs of a graph by the names that they have there.</summary>
    internal static IReadOnlyList<KeyValuePair<string, GraphValue>> Outputs(GraphValue embedding, IReadOnlyList<GraphValue> features,
        IReadOnlyList<GraphValue> logits)
    {
        return [new("embedding", embedding), .. Numbered("features", features), .. Numbered("logits", logits)];

        static IEnumerable<KeyValuePair<string, GraphValue>> Numbered(string name, IReadOnlyList<GraphValue> values) =>
            values.Select((value, i) => KeyValuePair.Create(values.Count == 1 ? name : $"{name}.{i}", value));
    }

    /// <summary>Runs the model itself. The caller frees the tensors that are created here, except those of the output.</summary>
    protected abstract PartOutput Parts(Tensor images);
}
