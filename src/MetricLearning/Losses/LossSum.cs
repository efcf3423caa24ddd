using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The weighted sum of named losses on what a model gives: <c>Σ wᵢ · lossᵢ</c>.</summary>
/// <remarks>
/// Metric losses that look at the same tensor share its distance matrix and its pairs. The parts are submodules under their names: learned
/// parameters among them move, train and are saved with the sum. Any module (tensor, labels) → scalar can be a part.
/// </remarks>
public sealed class LossSum : nn.Module<ModelOutput, Tensor, Tensor>
{
    private readonly List<Part> parts = [];

    /// <summary>An empty sum; <see cref="Add"/> fills it.</summary>
    public LossSum() : base(nameof(LossSum)) { }

    /// <summary>Adds a loss.</summary>
    /// <param name="name">Its name in the result and in the state dictionary: not empty, no dot, not used yet.</param>
    /// <param name="loss">A metric loss, a cross entropy, or any module (tensor, labels) → scalar. The sum takes it over.</param>
    /// <param name="of">What it looks at; the features by default.</param>
    /// <param name="weight">Its weight, 1 by default; finite.</param>
    /// <returns>This sum.</returns>
    /// <exception cref="ArgumentException">The name is empty, has a dot, or is used already.</exception>
    public LossSum Add(string name, nn.Module<Tensor, Tensor, Tensor> loss, Func<ModelOutput, Tensor>? of = null, double weight = 1)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(loss);
        if (name.Contains('.', StringComparison.Ordinal)) throw new ArgumentException($"a name has no dot, got {name}.", nameof(name));
        if (parts.Any(part => part.Name == name)) throw new ArgumentException($"there is a loss named {name} already.", nameof(name));
        if (!double.IsFinite(weight)) throw new ArgumentOutOfRangeException(nameof(weight), weight, "weight must be finite.");
        parts.Add(new(name, loss, of ?? (output => output.Features), weight));
        register_module(name, loss);
        return this;
    }

    /// <summary>The sum, without a report: the host does not wait for the device.</summary>
    /// <param name="output">What the model gave.</param>
    /// <param name="labels">What all parts are given as labels, int64 [N].</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    public override Tensor forward(ModelOutput output, Tensor labels)
    {
        using var scope = NewDisposeScope();
        return Evaluate(output, labels, report: false).Value.MoveToOuterDisposeScope();
    }

    /// <summary>The sum of losses that all look at one tensor.</summary>
    /// <inheritdoc cref="forward(ModelOutput, Tensor)"/>
    public Tensor forward(Tensor embeddings, Tensor labels) => call(new ModelOutput(embeddings, embeddings, embeddings), labels);

    /// <summary>The sum, and what each part did. All figures come to the host in one transfer.</summary>
    /// <param name="output">What the model gave.</param>
    /// <param name="labels">What all parts are given as labels, int64 [N].</param>
    public LossSumResult Compute(ModelOutput output, Tensor labels)
    {
        using var scope = NewDisposeScope();
        var (value, figures) = Evaluate(output, labels, report: true);
        using var host = cat([.. figures]).cpu();
        var position = 0;
        var results = new LossPart[parts.Count];
        for (var i = 0; i < results.Length; i++)
        {
            var length = figures[i].size(0);
            var report = length > 1 ? LossReport.Of(host.narrow(0, position, length)) : (LossReport?)null;
            results[i] = new(parts[i].Name, parts[i].Weight, host[position].item<double>(), report);
            position += (int)length;
        }
        return new(value.MoveToOuterDisposeScope(), results);
    }

    /// <summary>The sum of losses that all look at one tensor, and what each part did.</summary>
    /// <param name="embeddings">[N, D].</param>
    /// <param name="labels">int64 [N].</param>
    public LossSumResult Compute(Tensor embeddings, Tensor labels) => Compute(new ModelOutput(embeddings, embeddings, embeddings), labels);

    private (Tensor Value, List<Tensor> Figures) Evaluate(ModelOutput output, Tensor labels, bool report)
    {
        if (parts.Count == 0) throw new InvalidOperationException("This sum has no loss; add one.");
        var batches = new Dictionary<Tensor, LossBatch>(ReferenceEqualityComparer.Instance);
        var figures = new List<Tensor>();
        Tensor? sum = null;
        try
        {
            foreach (var part in parts)
            {
                var input = part.Of(output) ?? throw new ArgumentException($"the model gives nothing that the loss {part.Name} looks at.",
                    nameof(output));
                Tensor value;
                if (part.Loss is MetricLoss metric)
                {
                    var batch = BatchOf(input, labels, batches);
                    (value, var figure) = report ? metric.Evaluate(batch) : (metric.forward(batch), null);
                    if (figure is not null) figures.Add(figure);
                }
                else
                {
                    value = part.Loss.call(input, labels);
                    if (report) figures.Add(Figures(value, input, labels, batches));
                }
                sum = sum is null ? S(part.Weight) * value : sum.Plus(S(part.Weight) * value);
            }
            return (sum!, figures);
        }
        finally
        {
            foreach (var batch in batches.Values) batch.Dispose();
        }
    }

    private static LossBatch BatchOf(Tensor input, Tensor labels, Dictionary<Tensor, LossBatch> batches)
    {
        if (!batches.TryGetValue(input, out var batch)) batches[input] = batch = new(input, labels);
        return batch;
    }

    /// <summary>A module that is no metric loss gives one value, so that is its one term; what else a report tells is of the
    /// batch.</summary>
    private static Tensor Figures(Tensor value, Tensor input, Tensor labels, Dictionary<Tensor, LossBatch> batches)
    {
        var hasRows = input.dim() == 2 && input.is_floating_point() && labels.dim() == 1 && labels.dtype == ScalarType.Int64
            && labels.size(0) == input.size(0);
        return hasRows ? LossReport.Collect(value, BatchOf(input, labels, batches), [new(value)], Distance.Euclidean)
            : value.detach().to(ScalarType.Float64).reshape(1);
    }

    private sealed record Part(string Name, nn.Module<Tensor, Tensor, Tensor> Loss, Func<ModelOutput, Tensor> Of, double Weight);
}
