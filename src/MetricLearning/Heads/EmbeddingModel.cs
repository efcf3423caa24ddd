using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Turns images into features, embeddings and class scores: a backbone, a pooling, and what follows it.</summary>
/// <remarks>
/// <code>
/// images → backbone → pooling (→ projection) → Features → neck → Embedding → classifier → Logits
/// </code>
/// <para>Metric losses take the features, the identity loss takes the logits, and the embedding is compared at test time. The parts are
/// named <c>backbone</c>, <c>pooling</c>, <c>fc</c> (the projection), <c>neck</c> and <c>classifier</c> in <c>state_dict()</c>.
/// The model owns its parts and disposes them.</para>
/// <para>Thread safety: in evaluation mode any number of threads may embed at once. Training, loading weights, moving the model and
/// switching its mode are for one thread, while no other uses the model.</para>
/// </remarks>
/// <example><code>
/// using var model = new EmbeddingModel(ResNet.ResNet50(), neck: new BNNeck(2048), classes: 751);
/// using var output = model.call(images);               // training: output.Features, output.Embedding, output.Logits
/// model.eval();
/// using var embeddings = model.Embed(images);          // [N, 3, H, W] → [N, 2048]
/// </code></example>
public sealed class EmbeddingModel : nn.Module<Tensor, ModelOutput>, IGraphModel
{
    private readonly Backbone backbone;
    private readonly Pooling pooling;
    private readonly Neck? fc;
    private readonly Neck? neck;
    private readonly Linear? classifier;

    /// <summary>Composes a model.</summary>
    /// <param name="backbone">The network that turns images into a feature map.</param>
    /// <param name="pooling">The layer that turns the map into a vector; null for <see cref="GlobalAveragePooling"/>.</param>
    /// <param name="neck">The layer between the features and the embedding, such as <see cref="BNNeck"/>; null for none.</param>
    /// <param name="classes">The number of classes C (identities) of the classifier; 0 for a model without one. Default: 0.</param>
    /// <param name="projection">The layer between the pooling and the features, such as <see cref="FullyConnectedNeck"/>; null for
    /// none.</param>
    /// <param name="classifierBias">Whether the classifier has a bias; null for "only if there is no neck". Its weights start from
    /// N(0, 0.001) behind a neck and from N(0, 0.01) without one, as in torchreid's; its bias starts from 0.</param>
    /// <exception cref="ArgumentNullException">The backbone is null.</exception>
    /// <exception cref="ArgumentException">A part does not take what the part before it gives.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of classes is negative.</exception>
    public EmbeddingModel(Backbone backbone, Pooling? pooling = null, Neck? neck = null, long classes = 0, Neck? projection = null,
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
        FeatureDimension = OutputOf(fc, pooled, nameof(projection));
        EmbeddingDimension = OutputOf(neck, FeatureDimension, nameof(neck));
        Classes = classes;
        if (classes > 0)
        {
            classifier = nn.Linear(EmbeddingDimension, classes, hasBias: classifierBias ?? neck is null);
            nn.init.normal_(classifier.weight, 0, neck is null ? 0.01 : 0.001);
            if (classifier.bias is { } bias) nn.init.zeros_(bias);
        }
        RegisterComponents();
    }

    /// <summary>Composes the whole OSNet as in torchreid: average pooling, a fully connected layer of 512, and a classifier with
    /// bias.</summary>
    /// <remarks>Its published weights load strictly with <see cref="WeightNames.TorchReId"/>.</remarks>
    /// <param name="backbone">OSNet in one of its widths.</param>
    /// <param name="classes">The number of classes C (identities) of the classifier; 0 for a model without one. Default: 0.</param>
    /// <exception cref="ArgumentNullException">The backbone is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of classes is negative.</exception>
    public static EmbeddingModel TorchReId(OSNet backbone, long classes = 0)
    {
        ArgumentNullException.ThrowIfNull(backbone);
        Guard.AtLeast(classes, 0);      // before the projection draws its weights
        return new EmbeddingModel(backbone, classes: classes, projection: new FullyConnectedNeck(backbone.Channels, 512));
    }

    /// <summary>The length of a layer's output for an input of a length; this length without a layer.</summary>
    private static long OutputOf(Neck? layer, long length, string name)
    {
        try
        {
            return layer?.OutputDimension(length) ?? length;
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"{name} must take what the part before it gives: {MessageText.WithoutParameter(e)}", name, e);
        }
    }

    /// <summary>The network that turns images into a feature map.</summary>
    public Backbone Backbone => backbone;

    /// <summary>The length of <see cref="ModelOutput.Features"/>.</summary>
    public long FeatureDimension { get; }

    /// <summary>The length of <see cref="ModelOutput.Embedding"/>.</summary>
    public long EmbeddingDimension { get; }

    /// <summary>The number of classes C (identities) of the classifier; 0 without one.</summary>
    public long Classes { get; }

    /// <summary>Computes features, embedding and, if there is a classifier, logits of a batch of images.</summary>
    /// <param name="images">[N, 3, H, W], or [N, 1, H, W] for a backbone of gray images; of the type and on the device of the
    /// weights.</param>
    /// <returns>The tensors, which the caller disposes. Without a neck, features and embedding are the same tensor.</returns>
    /// <exception cref="ArgumentException">The images do not fit, or batch norm would train on one image; the message says
    /// which.</exception>
    public override ModelOutput forward(Tensor images)
    {
        Guard.InUse(this);
        using var scope = NewDisposeScope();
        var features = pooling.call(backbone.call(images));
        if (fc is not null) features = fc.call(features);
        var embedding = neck is null ? features : neck.call(features);
        var logits = classifier?.call(embedding);
        scope.MoveToOuter(neck is null ? [features] : [features, embedding]);
        return new ModelOutput(features, embedding, logits?.MoveToOuterDisposeScope());
    }

    /// <summary>Computes only the embeddings, without gradient, as they are compared at test time. The model must be in evaluation
    /// mode.</summary>
    /// <param name="images">[N, 3, H, W], or [N, 1, H, W] for a backbone of gray images; of the type and on the device of the
    /// weights.</param>
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

    /// <summary>Writes the model for serving: its weights without the classifier, and its embedding space. <see cref="LoadForInference"/>
    /// reads both. The file is a safetensors file, written atomically.</summary>
    /// <param name="path">The file; it is replaced if it exists.</param>
    /// <param name="space">How images are prepared and embeddings compared. The length of the embedding and the fingerprint of the weights
    /// are added; the layer is the embedding unless the record names another.</param>
    /// <exception cref="ArgumentNullException">The record is null.</exception>
    /// <exception cref="ArgumentException">The path is null or empty, or the record says another length of the embedding or another
    /// fingerprint than the model has.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void SaveForInference(string path, EmbeddingSpace space)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(space);
        using var scope = NewDisposeScope();
        var weights = Served(ModuleState.Of(this));
        var whole = space.OfModel(new EmbeddingSpace { Fingerprint = EmbeddingSpace.FingerprintOf(weights) }, nameof(space));
        if (whole.Layer is null or EmbeddingSpace.EmbeddingLayer) whole = whole.OfModel(
            new EmbeddingSpace { Layer = EmbeddingSpace.EmbeddingLayer, Dimension = EmbeddingDimension }, nameof(space));
        SafeTensors.Write(path, weights, new Dictionary<string, string> { [EmbeddingSpace.MetadataKey] = whole.ToJson() });
    }

    /// <summary>Loads a file that <see cref="SaveForInference"/> wrote, and switches the model to evaluation mode. A classifier of the
    /// model keeps its values.</summary>
    /// <param name="path">The file.</param>
    /// <param name="expected">The properties that the program expects, such as the size of images; null to accept those of the file. A
    /// value that differs from the file's is an error.</param>
    /// <returns>The embedding space of the file, completed by the expected one.</returns>
    /// <exception cref="InvalidDataException">The file is damaged, holds no such record, was changed after it was written, does not fit the
    /// model, or contradicts the expected space. The message names the file, and for a contradiction both values. The model stays as it
    /// was.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public EmbeddingSpace LoadForInference(string path, EmbeddingSpace? expected = null)
    {
        Guard.InUse(this);
        using var weights = SafeTensors.Read(path);
        return InputFile.Naming(path, () =>
        {
            var space = EmbeddingSpace.Of(weights.Metadata) ?? throw new InvalidDataException(
                $"It has no embedding space: it was not written by {nameof(SaveForInference)}. Use LoadWeights for it.");
            if (space.Fingerprint != EmbeddingSpace.FingerprintOf(weights)) throw new InvalidDataException(
                "Its weights were changed after it was written: their fingerprint differs.");
            if (expected is not null)
            {
                if (space.Conflicts(expected, "in the file", "as asked for") is { } conflicts)
                    throw new InvalidDataException($"Its embedding space is not the expected one: {conflicts}.");
                space = space.Agree(expected);
            }
            if (space is { Layer: null or EmbeddingSpace.EmbeddingLayer, Dimension: { } length } && length != EmbeddingDimension)
                throw new InvalidDataException(
                    $"Its embedding space has embeddings of {length} numbers, but the model gives {EmbeddingDimension}.");
            using var scope = NewDisposeScope();
            // A classifier of the model is not in the file; all else must be.
            var all = weights.Concat(state_dict().Where(named => WeightNames.IsClassifier(named.Key))).ToDictionary();
            this.LoadWeights(all, rename: WeightNames.Own());
            eval();
            return space;
        });
    }

    IReadOnlyList<KeyValuePair<string, GraphValue>> IGraphModel.Describe(NetworkGraph graph, GraphValue images)
    {
        var features = graph.Run(pooling, graph.Run(backbone, images));
        if (fc is not null) features = graph.Run(fc, features);
        var embedding = neck is null ? features : graph.Run(neck, features);
        List<KeyValuePair<string, GraphValue>> outputs = [new("embedding", embedding), new("features", features)];
        if (classifier is not null) outputs.Add(new("logits", graph.Run(classifier, embedding)));
        return outputs;
    }

    private static Dictionary<string, Tensor> Served(Dictionary<string, Tensor> state) =>
        state.Where(named => !WeightNames.IsClassifier(named.Key)).ToDictionary();
}
