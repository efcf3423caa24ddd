using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>
/// Lists the losses that are not a <see cref="MetricLoss"/>: losses of logits, losses of two views, losses of graded pairs, and wrappers
/// of another loss. Each is called with the 12 rows and labels of <see cref="LossTable"/>. A loss of two views or of graded pairs gets
/// other rows as its second rows, as many as there are labels. A new module needs a new row.
/// </summary>
internal static class ModuleTable
{
    private const string Rows = "embeddings", TwoViews = "two views";

    private static readonly Dictionary<string, (string Kind, string Argument, Func<nn.Module> Create)> rows = new()
    {
        ["focal"] = ("logits", "logits", () => new FocalLoss()),
        ["label smoothing"] = ("logits", "logits", () => new LabelSmoothingCrossEntropyLoss()),
        ["label smoothing fast-reid"] = ("logits", "logits", () => LabelSmoothingCrossEntropyLoss.FastReId()),
        ["label smoothing adaptive"] = ("logits", "logits", () => LabelSmoothingCrossEntropyLoss.FastReIdAdaptive()),
        ["label smoothing by category"] = ("logits", "logits",
            () => new LabelSmoothingCrossEntropyLoss { Categories = [0, 0, 1, 1, 2, 2] }),
        ["barlow twins"] = (TwoViews, "first", () => new BarlowTwinsLoss()),
        ["clip"] = (TwoViews, "first", () => new ClipLoss()),
        ["clip with a fixed scale"] = (TwoViews, "first", () => new ClipLoss(temperature: 0.05) { LearnsScale = false }),
        ["embedding distillation"] = (TwoViews, "first", () => new EmbeddingDistillationLoss()),
        ["embedding distillation squared"] = (TwoViews, "first", () => new EmbeddingDistillationLoss(DistillationForm.SquaredError)),
        ["relation distillation"] = (TwoViews, "first", () => new RelationDistillationLoss()),
        ["ranking distillation"] = (TwoViews, "first", () => new RankingDistillationLoss()),
        ["angle"] = (TwoViews, "first", () => new AnglELoss()),
        ["cosent"] = (TwoViews, "first", () => new CoSentLoss()),
        ["cosent of Euclidean distances"] = (TwoViews, "first", () => new CoSentLoss(scale: 2) { Distance = Distance.Euclidean }),
        ["cosine similarity"] = (TwoViews, "first", () => new CosineSimilarityLoss()),
        ["gist"] = (TwoViews, "anchors", () => new GistEmbedLoss(temperature: 0.3)),
        ["multi-label n-pairs"] = (TwoViews, "anchors", () => new MultiLabelNPairsLoss()),
        ["self-supervised"] = (TwoViews, "first", () => new SelfSupervisedLoss(new NTXentLoss(temperature: 0.3))),
        ["self-supervised one way"] = (TwoViews, "first", () => new SelfSupervisedLoss(
            new NTXentLoss(temperature: 0.3)) { Symmetric = false }),
        ["siglip"] = (TwoViews, "first", () => new SigLipLoss()),
        ["simsiam"] = (TwoViews, "first", () => new SimSiamLoss()),
        ["vicreg"] = (TwoViews, "first", () => new VicRegLoss()),
        ["memory"] = (Rows, "embeddings", () => new CrossBatchMemory(new TripletLoss(margin: 2), LossTable.Dimension, capacity: 32)),
        ["matryoshka"] = (Rows, "embeddings", () => new MatryoshkaLoss(new TripletLoss(margin: 2), [3, LossTable.Dimension])),
        ["sum"] = (Rows, "embeddings", () => new LossSum().Add("triplet", new TripletLoss())
            .Add("center", new ContrastiveLoss(), weight: 0.5)),
    };

    public static IEnumerable<string> Names => rows.Keys;

    /// <summary>The name of the module's first argument.</summary>
    public static string Argument(string name) => rows[name].Argument;

    /// <summary>Whether labels are classes of the logits.</summary>
    public static bool IsOnLogits(string name) => rows[name].Kind == "logits";

    /// <summary>Whether the module compares views and takes no labels.</summary>
    public static bool IsOfViews(string name) => rows[name].Kind == TwoViews;

    public static nn.Module Create(string name) => rows[name].Create();

    /// <param name="module">A module of the table.</param>
    /// <param name="x">Its input.</param>
    /// <param name="y">Its labels. A loss of two views uses only their number.</param>
    /// <param name="other">Creates another view from its number. By default the view is drawn from torch's generator, which only one thread
    /// may use.</param>
    public static Tensor Call(nn.Module module, Tensor x, Tensor y, Func<int, Tensor>? other = null)
    {
        Tensor Other(int seed) => other?.Invoke(seed) ?? LossTable.Random(seed, y.size(0), LossTable.Dimension).to(x.dtype);
        return module switch
        {
            GistEmbedLoss gist => gist.call(x, Other(40), Other(41), Other(42)),
            MultiLabelNPairsLoss several => several.call(x, Other(40), Other(41).narrow(1, 0, 4) > 0),
            GradedPairLoss graded => graded.call(x, Other(40), Other(41).select(1, 0)),
            ViewLoss views => views.call(x, Other(40)),
            LossSum sum => sum.call(x, y),
            nn.Module<Tensor, Tensor, Tensor> labeled => labeled.call(x, y),
            _ => throw new NotSupportedException(module.GetName()),
        };
    }
}
