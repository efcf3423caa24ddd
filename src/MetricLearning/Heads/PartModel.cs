using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Images in, features, embedding and class scores of several parts out.</summary>
public abstract class PartModel : nn.Module<Tensor, PartOutput>
{
    /// <summary>Names the model.</summary>
    /// <param name="name">Its name, as summaries print it.</param>
    /// <param name="classes">Identities to tell apart; 0 for a model without classifiers.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is a negative number of classes.</exception>
    protected PartModel(string name, int classes) : base(name) => Classes = Guard.AtLeast(classes, 0);

    /// <summary>Identities told apart; 0 without classifiers.</summary>
    public int Classes { get; }

    /// <summary>The length of <see cref="PartOutput.Embedding"/>.</summary>
    public abstract long EmbeddingDimension { get; }

    /// <summary>Features, embedding and logits of a batch of images.</summary>
    /// <param name="images">[N, 3, H, W], of the type and on the device of the weights.</param>
    /// <exception cref="ArgumentException">The images do not fit, or batch norm would train on one image; the message says
    /// which.</exception>
    public sealed override PartOutput forward(Tensor images)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (training && images.dim() > 0 && images.size(0) < 2)
            throw new ArgumentException(
                $"images must be at least 2 while {GetName()} trains (batch norm has no variance of one), got {Guard.Shape(images)}; call "
                    + $"eval() first to extract.",
                nameof(images));
        using var scope = NewDisposeScope();
        return Parts(images).MoveToOuter(scope);
    }

    /// <summary>The embeddings alone, as evaluation takes them: in eval mode and without gradient; the mode is restored
    /// afterwards.</summary>
    /// <param name="images">[N, 3, H, W], of the type and on the device of the weights.</param>
    /// <returns>[N, <see cref="EmbeddingDimension"/>]. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">The images do not fit; the message says why.</exception>
    public Tensor Embed(Tensor images)
    {
        using var mode = new EvaluationMode(this);
        using var scope = NewDisposeScope();
        return call(images).Embedding.MoveToOuterDisposeScope();
    }

    /// <summary>The model itself. Tensors made here are freed by the caller.</summary>
    protected abstract PartOutput Parts(Tensor images);
}
