using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Images in, features, embedding and class scores out: a backbone, a pooling, and what follows it.</summary>
/// <remarks>
/// <code>
/// images → backbone → pooling (→ projection) → Features → neck → Embedding → classifier → Logits
/// </code>
/// Metric losses see the features, the identity loss sees the logits, and the embedding is compared at test time. The parts are
/// named <c>backbone</c>, <c>pooling</c>, <c>fc</c> (the projection), <c>neck</c> and <c>classifier</c> in <c>state_dict()</c>.
/// The model owns its parts and disposes them.
/// </remarks>
public sealed class EmbeddingModel : nn.Module<Tensor, ModelOutput>
{
    private readonly Backbone backbone;
    private readonly Pooling pooling;
    private readonly Neck? fc;
    private readonly Neck? neck;
    private readonly Linear? classifier;

    /// <summary>Composes a model.</summary>
    /// <param name="backbone">What turns images into a feature map.</param>
    /// <param name="pooling">What turns the map into a vector; null for <see cref="GlobalAveragePooling"/>.</param>
    /// <param name="neck">What lies between the features and the embedding, such as <see cref="BNNeck"/>; null for nothing.</param>
    /// <param name="classes">Identities to tell apart; 0 for a model without a classifier.</param>
    /// <param name="projection">A layer in front of the features, such as <see cref="FullyConnectedNeck"/>; null for nothing.</param>
    /// <param name="classifierBias">Whether the classifier has a bias; null for "only if there is no neck". Its weights start from
    /// N(0, 0.001) behind a neck and N(0, 0.01) without one (torchreid's), its bias from 0.</param>
    /// <exception cref="ArgumentException">A part does not take what the part before it gives.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is a negative number of classes.</exception>
    public EmbeddingModel(Backbone backbone, Pooling? pooling = null, Neck? neck = null, int classes = 0, Neck? projection = null,
        bool? classifierBias = null)
        : base(nameof(EmbeddingModel))
    {
        ArgumentNullException.ThrowIfNull(backbone);
        Guard.AtLeast(classes, 0);
        this.backbone = backbone;
        this.pooling = pooling ?? new GlobalAveragePooling();
        fc = projection;
        this.neck = neck;
        var pooled = this.pooling.OutputDimension(backbone.Channels);
        FeatureDimension = fc?.OutputDimension(pooled) ?? pooled;
        EmbeddingDimension = neck?.OutputDimension(FeatureDimension) ?? FeatureDimension;
        Classes = classes;
        if (classes > 0)
        {
            classifier = nn.Linear(EmbeddingDimension, classes, hasBias: classifierBias ?? neck is null);
            nn.init.normal_(classifier.weight, 0, neck is null ? 0.01 : 0.001);
            if (classifier.bias is { } bias) nn.init.zeros_(bias);
        }
        RegisterComponents();
    }

    /// <summary>The whole OSNet as torchreid has it: average pooling, a fully connected layer of 512, and a classifier with bias.</summary>
    /// <remarks>Its published weights load strictly with <see cref="WeightNames.TorchReId"/>.</remarks>
    /// <param name="backbone">OSNet in one of its widths.</param>
    /// <param name="classes">Identities to tell apart; 0 for a model without a classifier.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is a negative number of classes.</exception>
    public static EmbeddingModel TorchReId(OSNet backbone, int classes = 0)
    {
        ArgumentNullException.ThrowIfNull(backbone);
        return new EmbeddingModel(backbone, classes: classes, projection: new FullyConnectedNeck(backbone.Channels, 512));
    }

    /// <summary>What turns images into a feature map.</summary>
    public Backbone Backbone => backbone;

    /// <summary>The length of <see cref="ModelOutput.Features"/>.</summary>
    public long FeatureDimension { get; }

    /// <summary>The length of <see cref="ModelOutput.Embedding"/>.</summary>
    public long EmbeddingDimension { get; }

    /// <summary>Identities told apart; 0 without a classifier.</summary>
    public int Classes { get; }

    /// <summary>Features, embedding and, where there is a classifier, logits of a batch of images.</summary>
    /// <param name="images">[N, 3, H, W], of the type and on the device of the weights.</param>
    /// <returns>Tensors that the caller disposes; without a neck, features and embedding are one and the same tensor.</returns>
    /// <exception cref="ArgumentException">The images do not fit, or batch norm would train on one image; the message says
    /// which.</exception>
    public override ModelOutput forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        var features = pooling.call(backbone.call(images));
        if (fc is not null) features = fc.call(features);
        var embedding = neck is null ? features : neck.call(features);
        var logits = classifier?.call(embedding);
        scope.MoveToOuter(neck is null ? [features] : [features, embedding]);
        return new ModelOutput(features, embedding, logits?.MoveToOuterDisposeScope());
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
}
