using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The result of a loss on a batch: its value, and the data for a report.</summary>
/// <param name="Value">A scalar with gradient.</param>
/// <param name="Terms">The values that were reduced.</param>
/// <param name="Batch">The batch; null if the input has no label for each row.</param>
/// <param name="Distance">The distance that a detailed report measures.</param>
internal sealed record LossOutcome(Tensor Value, IReadOnlyList<LossTerm> Terms, LossBatch? Batch, Distance Distance)
{
    private const int FewValues = 1 << 14;

    /// <summary>Computes the outcome of any module. If the module cannot report, its scalar is its one term.</summary>
    /// <param name="loss">(input, labels) → scalar.</param>
    /// <param name="input">The input of the module.</param>
    /// <param name="labels">The labels for the module.</param>
    /// <param name="batches">The batches of the step.</param>
    public static LossOutcome Of(nn.Module<Tensor, Tensor, Tensor> loss, Tensor input, Tensor labels, LossBatches batches)
    {
        if (loss is IReportedLoss reported) return reported.Evaluate(input, labels, batches);
        var value = loss.call(input, labels);
        var hasLabels = input.dim() == 2 && input.is_floating_point() && labels.dim() == 1 && labels.size(0) == input.size(0)
            && Guard.IsInteger(labels.dtype);
        return new(value, [new(value)], hasLabels ? batches.Of(input, labels) : null, Distance.Euclidean);
    }

    /// <summary>Makes the reports of some outcomes, and brings their figures to the host together.</summary>
    /// <param name="outcomes">The outcomes, at least one.</param>
    /// <param name="detailed">Whether to measure the figures that cost extra.</param>
    /// <returns>The value and the report of each; no report if there is no batch.</returns>
    public static (double Value, LossReport? Report)[] Report(IReadOnlyList<LossOutcome> outcomes, bool detailed)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var scalars = new HostScalars();
        Func<(double, LossReport?)>[] reports = [.. outcomes.Select(outcome => outcome.Prepare(scalars, detailed))];
        return [.. reports.Select(report => report())];
    }

    private Func<(double, LossReport?)> Prepare(HostScalars scalars, bool detailed)
    {
        var value = scalars.Add(Value);
        if (Batch is not { } batch) return () => (value(), null);
        Func<double>[] summed = [.. Terms.Select(term => term.Counts).OfType<Tensor>().Select(counts => scalars.Add(counts.sum()))];
        Func<double>[] active = [.. Terms.Select(term => Active(term, scalars))];
        var nonFinite = batch.IsKnownFinite ? null : scalars.Add(batch.Embeddings.isfinite().all(1).logical_not().sum());
        var meanDistance = detailed ? scalars.Add(MeanDistance(batch)) : null;
        var effectiveRank = detailed ? scalars.Add(batch.EffectiveRank) : null;
        return () => (value(), new LossReport
        {
            Value = value(),
            Anchors = batch.Rows,
            Terms = Terms.Where(term => term.Counts is null).Sum(term => term.Values.numel()) + Sum(summed),
            Active = Sum(active),
            WithoutPositives = batch.Lacking.WithoutPositives,
            WithoutNegatives = batch.Lacking.WithoutNegatives,
            NonFinite = (long)(nonFinite?.Invoke() ?? 0),
            MeanDistance = meanDistance?.Invoke(),
            EffectiveRank = effectiveRank?.Invoke(),
        });
    }

    /// <summary>Counts the values of a term that are not 0. A few values on the CPU are counted in place, which is less work than a tensor
    /// operation.</summary>
    private static Func<double> Active(LossTerm term, HostScalars scalars)
    {
        if (term.ActiveCounts is not null || term.Values.dtype != ScalarType.Float32 || term.Values.numel() > FewValues
            || term.Values.device_type != TorchSharp.DeviceType.CPU) return scalars.Add(term.Active);
        var active = term.Values.numel() - TensorMemory.Copy<float>(term.Values).AsSpan().Count(0f);
        return () => active;
    }

    /// <summary>Computes the mean distance over all pairs except those of a row with itself.</summary>
    private Tensor MeanDistance(LossBatch batch)
    {
        var matrix = batch.Distances(Distance).Matrix;
        return batch.OwnDistances(matrix) is { } own
            ? (matrix.sum() - own.sum()) / S(Math.Max(1, matrix.numel() - batch.Rows))
            : matrix.sum() / S(Math.Max(1, matrix.numel()));
    }

    private static long Sum(Func<double>[] figures) => (long)figures.Sum(figure => figure());
}
