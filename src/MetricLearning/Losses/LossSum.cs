using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The weighted sum of named losses on the outputs of a model: <c>Σ wᵢ · lossᵢ</c>.</summary>
/// <remarks>
/// Metric losses on the same tensor share its distance matrix and its pairs. The parts are submodules under their names, so their learned
/// parameters move, train and are saved with the sum. Any module (tensor, labels) → scalar can be a part. A loss of two views
/// (<see cref="ViewLoss"/>) takes no labels, so it cannot be a part: add its value to the sum yourself. The library's own losses are
/// computed on the shared batch, so TorchSharp's hooks on them do not run within a sum; hooks on other modules do.
/// <para>Thread safety: once all parts are added, the sum is as safe as its parts. If one part allows only one thread at a time, so does
/// the sum.</para>
/// </remarks>
/// <example><code>
/// using var losses = new LossSum()
///     .Add("triplet", new TripletLoss(margin: 0.3))                                        // reads output.Features
///     .Add("identity", new LabelSmoothingCrossEntropyLoss(), output =&gt; output.Logits!);
/// var result = losses.Compute(model.call(images), labels);
/// result.Value.backward();
/// Console.WriteLine($"{result["triplet"].Value} {result["identity"].Value}");
/// </code></example>
public sealed class LossSum : nn.Module<ModelOutput, Tensor, Tensor>
{
    private readonly List<Part> parts = [];

    /// <summary>Creates an empty sum; <see cref="Add"/> fills it.</summary>
    public LossSum() : base(nameof(LossSum)) { }

    /// <summary>Adds a loss.</summary>
    /// <param name="name">Its name in the result and in the state dictionary: not empty, without a dot, not used yet.</param>
    /// <param name="loss">A metric loss, a loss of logits, or any module (tensor, labels) → scalar. The sum takes ownership of it.</param>
    /// <param name="of">Selects the output that the loss uses. Default: null, the features.</param>
    /// <param name="weight">The weight of the loss, finite. Default: 1.</param>
    /// <returns>This sum.</returns>
    /// <exception cref="ArgumentException">The name is empty, has a dot, or is used already; or the weight is not finite.</exception>
    /// <exception cref="ArgumentNullException">The loss is null.</exception>
    public LossSum Add(string name, nn.Module<Tensor, Tensor, Tensor> loss, Func<ModelOutput, Tensor>? of = null, double weight = 1)
    {
        Guard.InUse(this);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(loss);
        if (name.Contains('.', StringComparison.Ordinal))
            throw new ArgumentException($"name must not have a dot, got {name}.", nameof(name));
        if (parts.Any(part => part.Name == name))
            throw new ArgumentException($"name must be new, but a loss is already named {name}.", nameof(name));
        Guard.Finite(weight);
        parts.Add(new(name, loss, of ?? (output => output.Features), weight));
        register_module(name, loss);
        return this;
    }

    /// <summary>Computes the sum without a report. The host does not wait for the device.</summary>
    /// <param name="output">The outputs of the model.</param>
    /// <param name="labels">The labels [N] for all parts, integers of any width.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The model lacks the output that a part uses, or a part refuses its input.</exception>
    /// <exception cref="InvalidOperationException">The sum has no part.</exception>
    public override Tensor forward(ModelOutput output, Tensor labels)
    {
        using var scope = NewDisposeScope();
        using var batches = new LossBatches();
        return WeightedSum(Evaluate(output, labels, batches)).MoveToOuterDisposeScope();
    }

    /// <summary>Computes the sum of losses that all use one tensor.</summary>
    /// <param name="embeddings">The embeddings [N, D].</param>
    /// <param name="labels">The labels [N], integers of any width.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <inheritdoc cref="forward(ModelOutput, Tensor)" path="/exception"/>
    public Tensor forward(Tensor embeddings, Tensor labels) => forward(All(embeddings), labels);

    /// <summary>Calls <see cref="forward(Tensor, Tensor)"/> with the hooks of this module.</summary>
    /// <inheritdoc cref="forward(Tensor, Tensor)"/>
    public Tensor call(Tensor embeddings, Tensor labels) => call(All(embeddings), labels);

    /// <summary>Computes the sum and a report of each part. The figures come to the host in one transfer.</summary>
    /// <param name="output">The outputs of the model.</param>
    /// <param name="labels">The labels [N] for all parts, integers of any width.</param>
    /// <param name="detailed">Whether the reports measure <see cref="LossReport.MeanDistance"/> and
    /// <see cref="LossReport.EffectiveRank"/> too, which takes a distance matrix and a product of the embeddings. Default: false.</param>
    /// <inheritdoc cref="forward(ModelOutput, Tensor)" path="/exception"/>
    public LossSumResult Compute(ModelOutput output, Tensor labels, bool detailed = false)
    {
        using var scope = NewDisposeScope();
        using var batches = new LossBatches();
        var outcomes = Evaluate(output, labels, batches);
        var value = WeightedSum(outcomes);
        var results = LossOutcome.Report(outcomes, detailed).Zip(parts, (figures, part) => new LossPart
        {
            Name = part.Name,
            Weight = part.Weight,
            Value = figures.Value,
            Report = figures.Report,
        });
        return new(value.MoveToOuterDisposeScope(), [.. results]);
    }

    /// <summary>Computes the sum of losses that all use one tensor, and a report of each part.</summary>
    /// <param name="embeddings">The embeddings [N, D].</param>
    /// <param name="labels">The labels [N], integers of any width.</param>
    /// <param name="detailed">As in <see cref="Compute(ModelOutput, Tensor, bool)"/>. Default: false.</param>
    /// <inheritdoc cref="forward(ModelOutput, Tensor)" path="/exception"/>
    public LossSumResult Compute(Tensor embeddings, Tensor labels, bool detailed = false) =>
        Compute(All(embeddings), labels, detailed);

    /// <summary>Computes the sum of losses that all use one tensor as one outcome: the terms of all parts together.</summary>
    internal LossOutcome Evaluate(Tensor embeddings, Tensor labels, LossBatches batches)
    {
        var outcomes = Evaluate(All(embeddings), labels, batches);
        return new(WeightedSum(outcomes), [.. outcomes.SelectMany(outcome => outcome.Terms)],
            Array.TrueForAll(outcomes, outcome => outcome.Batch is not null) ? batches.Of(embeddings, labels) : null, Distance.Euclidean);
    }

    /// <summary>Computes each part, in order.</summary>
    private LossOutcome[] Evaluate(ModelOutput output, Tensor labels, LossBatches batches)
    {
        Guard.InUse(this);
        ArgumentNullException.ThrowIfNull(output);
        Guard.Alive(labels);
        if (parts.Count == 0) throw new InvalidOperationException("This sum has no losses; call Add first.");
        var wide = Guard.WidenIntegers(labels);
        return StateChanges.During(
            () => parts.Select(part => LossOutcome.Of(part.Loss, InputOf(part, output), wide, batches)).ToArray());
    }

    /// <summary>An output whose tensors are all the same.</summary>
    private static ModelOutput All(Tensor embeddings)
    {
        Guard.Alive(embeddings);
        return new ModelOutput(embeddings, embeddings, embeddings);
    }

    private static Tensor InputOf(Part part, ModelOutput output) => part.Of(output)
        ?? throw new ArgumentException($"output must have the tensor that the loss {part.Name} uses, got null.", nameof(output));

    /// <summary>Computes Σ weight · value as a new tensor, because the value of a single part may belong to the caller.</summary>
    private Tensor WeightedSum(LossOutcome[] outcomes) =>
        parts.Zip(outcomes, (part, outcome) => part.Weight == 1 && parts.Count > 1 ? outcome.Value : S(part.Weight) * outcome.Value)
            .Aggregate((sum, part) => sum.Plus(part));

    private sealed record Part(string Name, nn.Module<Tensor, Tensor, Tensor> Loss, Func<ModelOutput, Tensor> Of, double Weight);
}
