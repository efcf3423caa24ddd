using MetricLearning;
using MetricLearning.Vision;
using TorchSharp;
using TorchSharp.Modules;
using static MetricLearning.Scalars;
using static TorchSharp.torch;

namespace PersonReId.Recipes;

/// <summary>The library's parts that a recipe names, ready to train: losses, optimizers, schedule, freeze.</summary>
internal sealed class RecipeParts : IDisposable
{
    private readonly Recipe recipe;
    private readonly EmbeddingModel model;
    private readonly List<(optim.Optimizer Optimizer, nn.Module Loss, double Weight)> ownOptimizers = [];
    private readonly optim.Optimizer optimizer;
    private readonly StagedFreeze? freeze;

    /// <param name="recipe">The recipe.</param>
    /// <param name="model">The network.</param>
    /// <param name="classes">The identities of the training set.</param>
    /// <param name="iterationsPerEpoch">The batches of an epoch.</param>
    public RecipeParts(Recipe recipe, EmbeddingModel model, int classes, int iterationsPerEpoch)
    {
        (this.recipe, this.model) = (recipe, model);
        Losses = new LossSum();
        foreach (var plan in recipe.Losses)
        {
            var loss = LossOf(plan, model, classes);
            Losses.Add(plan.Name, loss, plan.Kind is LossKind.CrossEntropy or LossKind.FastReIdCrossEntropy ? output => output.Logits!
                : plan.OfEmbedding ? output => output.Embedding : null, plan.Weight);
            if (plan.OwnRate is { } rate) ownOptimizers.Add((optim.SGD(loss.parameters(), rate), loss, plan.Weight));
        }
        Losses.to(model.parameters().First().device);
        optimizer = OptimizerOf();
        Schedule = ScheduleOf(iterationsPerEpoch);
        if (recipe.Frozen.Where(part => model.named_parameters().Any(entry => entry.name.StartsWith(part + ".", StringComparison.Ordinal)))
            .ToArray() is { Length: > 0 } parts && recipe.FrozenFor.Amount > 0)
            freeze = new StagedFreeze(model, recipe.FrozenFor, parts, iterationsPerEpoch);
    }

    public LossSum Losses { get; }

    public LearningRateSchedule Schedule { get; }

    /// <summary>The batches of a training set.</summary>
    public static Sampler SamplerOf(Recipe recipe, ImageList train, ulong seed) => recipe.Shuffles
        ? new ShuffleSampler(train.Count, Math.Min(train.Count, recipe.IdentitiesPerBatch * recipe.ImagesPerIdentity), LastBatch.Drop,
            seed: seed)
        : new IdentitySampler(train.Labels, recipe.IdentitiesPerBatch, recipe.ImagesPerIdentity, seed: seed);

    /// <summary>The random changes of training images.</summary>
    public static ImageTransform AugmentationOf(Recipe recipe, EmbeddingSpace space)
    {
        var plain = ImageTransform.For(space).Steps;
        List<ImageStep> steps = [];
        if (recipe.AutoAugment > 0) steps.Add(AutoAugment.FastReId(recipe.AutoAugment));
        steps.Add(recipe.CropArea is { } area
            ? new RandomResizedCrop(space.Height!.Value, space.Width!.Value, area, ((Resize)plain[0]).Filter) : plain[0]);
        if (recipe.Flips) steps.Add(new HorizontalFlip());
        if (recipe.Padding > 0) steps.Add(new PadAndCrop(space.Height!.Value * recipe.Padding / 256));
        steps.Add(plain[1]);
        if (recipe.Erasing > 0) steps.Add(new RandomErasing(recipe.Erasing, order: recipe.ErasingOrder));
        return new ImageTransform([.. steps]);
    }

    /// <summary>Adds everything that training changes, except the model, to a checkpoint.</summary>
    public void AddTo(TrainingCheckpoint checkpoint)
    {
        checkpoint.Add("optimizer", optimizer);
        checkpoint.Add("schedule", Schedule);
        if (Losses.state_dict().Count > 0) checkpoint.Add("losses", Losses);
        foreach (var (own, i) in ownOptimizers.Select((own, i) => (own.Optimizer, i))) checkpoint.Add($"optimizer of loss {i}", own);
        if (freeze is not null) checkpoint.Add("freeze", freeze);
    }

    /// <summary>Prepares an epoch. It must be called at the start of each epoch.</summary>
    public void StartEpoch(int epoch)
    {
        Schedule.StartEpoch(epoch);
        model.train();
        freeze?.Apply();
    }

    /// <summary>One step of training. The value of the loss is in the caller's dispose scope.</summary>
    /// <param name="images">The images of a batch.</param>
    /// <param name="labels">Their labels.</param>
    /// <param name="teacher">The teacher from which the network also learns; null for none.</param>
    /// <param name="rows">The images' rows in the training list, for the teacher.</param>
    public LossSumResult Step(Tensor images, Tensor labels, Teacher? teacher = null, IReadOnlyList<int>? rows = null)
    {
        using var scope = NewDisposeScope();
        optimizer.zero_grad();
        foreach (var (own, _, _) in ownOptimizers) own.zero_grad();
        using var output = model.call(images);
        var result = Losses.Compute(output, labels);
        if (teacher is not null) result = With(result, teacher, teacher.Loss(output.Features, rows!));
        result.Value.backward();
        foreach (var (own, loss, weight) in ownOptimizers) GradientScale.Divide(loss.parameters(), weight);
        if (recipe.GradientLimit is { } limit) GradientClipping.ByValue(model.parameters().Concat(Losses.parameters()), limit);
        optimizer.SafeStep();
        foreach (var (own, _, _) in ownOptimizers) own.SafeStep();
        Schedule.Step();
        freeze?.Step();
        result.Value.MoveToOuterDisposeScope();
        return result;
    }

    public void Dispose()
    {
        foreach (var (own, _, _) in ownOptimizers) own.Dispose();
        optimizer.Dispose();
        Losses.Dispose();
    }

    private static LossSumResult With(LossSumResult result, Teacher teacher, Tensor value) => result with
    {
        Value = result.Value.Plus(value * S(teacher.Weight)),
        Parts = [.. result.Parts, new LossPart { Name = Teacher.Part, Weight = teacher.Weight, Value = value.item<float>() }],
    };

    private static nn.Module<Tensor, Tensor, Tensor> LossOf(LossPlan plan, EmbeddingModel model, int classes)
    {
        var width = plan.OfEmbedding ? model.EmbeddingDimension : model.FeatureDimension;
        if (plan.Widths.Count > 0)
        {
            if (plan.Widths.Max() >= width)
                throw new UserErrorException($"--matryoshka {plan.Widths.Max()}: the network gives {width} numbers.");
            return new MatryoshkaLoss(LossOf(plan with { Widths = [] }, model, classes),
                [.. plan.Widths.Select(part => (long)part), width]);
        }
        return plan.Kind switch
        {
            LossKind.BatchHardTriplet => new TripletLoss(plan.Margin)
            {
                Miner = new BatchHardMiner(),
                SoftMargin = plan.Margin == 0,
                Distance = plan.Normalized ? Distance.Euclidean.Normalized() : Distance.Euclidean,
            },
            LossKind.FastReIdTriplet => TripletLoss.BatchHard(BatchHardDialect.FastReId, plan.Margin, softMargin: plan.Margin == 0),
            LossKind.WeightedTriplet => new WeightedTripletLoss(),
            LossKind.CrossEntropy => new LabelSmoothingCrossEntropyLoss(plan.Smoothing),
            LossKind.FastReIdCrossEntropy => LabelSmoothingCrossEntropyLoss.FastReId(plan.Smoothing),
            LossKind.CircleSoftmax => new CircleSoftmaxLoss(classes, width, plan.Margin, plan.Scale) { LabelSmoothing = plan.Smoothing },
            LossKind.ProxyAnchor => new ProxyAnchorLoss(classes, width, plan.Margin, plan.Scale),
            LossKind.Center => new CenterLoss(classes, width),
            _ => throw new ArgumentOutOfRangeException(nameof(plan), plan.Kind, "There is no such loss."),
        };
    }

    private optim.Optimizer OptimizerOf()
    {
        List<Parameter> learned = [.. Losses.parameters().Where(parameter =>
            !ownOptimizers.Exists(own => own.Loss.parameters().Any(owned => ReferenceEquals(owned, parameter))))];
        // One group if all parameters have the same rate: the state of the optimizer then equals that of a plain one.
        List<(IReadOnlyList<Parameter> Parameters, double Rate)> groups = [];
        if (recipe.BiasRate == 1) groups.Add(([.. model.parameters()], recipe.LearningRate));
        else
        {
            var biases = model.named_parameters().ToLookup(entry => entry.name.EndsWith("bias", StringComparison.Ordinal),
                entry => entry.parameter);
            groups.Add(([.. biases[false]], recipe.LearningRate));
            groups.Add(([.. biases[true]], recipe.LearningRate * recipe.BiasRate));
        }
        if (learned.Count > 0) groups.Add((learned, recipe.LearningRate * recipe.LossRate));
        var decay = recipe.WeightDecay;
        return recipe.Optimizer switch
        {
            OptimizerKind.Sgd => optim.SGD([.. groups.Select(group => new SGD.ParamGroup(group.Parameters,
                lr: group.Rate, momentum: 0.9, weight_decay: decay))], recipe.LearningRate, momentum: 0.9, weight_decay: decay),
            OptimizerKind.AdamW => optim.AdamW([.. groups.Select(group => new AdamW.ParamGroup(group.Parameters,
                lr: group.Rate, weight_decay: decay))], recipe.LearningRate, weight_decay: decay),
            _ => optim.Adam([.. groups.Select(group => new Adam.ParamGroup(group.Parameters, lr: group.Rate, weight_decay: decay,
                amsgrad: recipe.Optimizer == OptimizerKind.AmsGrad))], recipe.LearningRate, weight_decay: decay,
                amsgrad: recipe.Optimizer == OptimizerKind.AmsGrad),
        };
    }

    private LearningRateSchedule ScheduleOf(int iterationsPerEpoch)
    {
        var warmUp = recipe.WarmUp.Amount > 0 ? WarmUp.Linear(recipe.WarmUp, recipe.WarmUpFactor) : null;
        return recipe.Schedule == ScheduleKind.Cosine
            ? new CosineSchedule(optimizer, TrainingSpan.Epochs(recipe.Epochs), TrainingSpan.Epochs(recipe.FallFrom), recipe.MinimumFactor,
                warmUp, iterationsPerEpoch, recipe.Update)
            : new MultiStepSchedule(optimizer, [.. recipe.Milestones.Select(epoch => TrainingSpan.Epochs(epoch))], recipe.StepFactor,
                warmUp, iterationsPerEpoch, recipe.Update);
    }
}
