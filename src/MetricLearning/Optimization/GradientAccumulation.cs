using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Adds up the gradients of several small batches, so that one step of the optimizer follows the mean of their losses.</summary>
/// <remarks>
/// <code>
/// var accumulation = new GradientAccumulation(model.parameters(), batches: 4);
/// foreach (var batch in loader.Batches(sampler))
/// {
///     using var scope = NewDisposeScope();
///     if (!accumulation.Backward(loss.call(model.call(batch.Images), batch.Labels))) continue;
///     optimizer.SafeStep();
///     optimizer.zero_grad();
///     schedule.Step();                    // iterations are steps of the optimizer
/// }
/// </code>
/// <para><b>What is exact.</b> A loss that is a mean over the rows (cross entropy and all losses with class vectors and
/// <see cref="Reducer.Mean"/>) gets the gradient of the whole batch up to rounding if the small batches have the same size. Otherwise pass
/// <c>share</c>. A loss on pairs or triplets does not: rows of different small batches are never compared, so the miner searches fewer
/// candidates. <see cref="GradientCache"/> gives the exact gradient of the large batch for those. Batch normalization takes its statistics
/// from each small batch. A <see cref="CrossBatchMemory"/> takes in the rows of each small batch once, so a later one is compared with the
/// earlier ones as constants. <see cref="SampledClasses"/> draws for each small batch and sums the gradients of a class that is drawn more
/// than once: call its <c>Step</c> together with the optimizer's step, and name it in <see cref="Sampled"/>.</para>
/// <para>It cannot be combined with <see cref="GradientCache"/>, which propagates the gradient of its loss itself.</para>
/// <para>Gradients are not part of a checkpoint. Save a checkpoint that holds this part between two groups, when <see cref="Pending"/> is
/// 0; at other moments saving throws. Loading ends the group that has begun, and drops its gradients.</para>
/// <para>Thread safety: one thread at a time.</para>
/// </remarks>
public sealed class GradientAccumulation : ITrainingState
{
    private readonly Parameter[] parameters;
    private double share;

    /// <summary>Creates an accumulation of gradients.</summary>
    /// <param name="parameters">The parameters that get the gradients, which are those of the optimizer. One that is given twice counts
    /// once.</param>
    /// <param name="batches">The number of small batches of one step, at least 1.</param>
    /// <exception cref="ArgumentNullException">The parameters are null.</exception>
    /// <exception cref="ArgumentException">A parameter is null or has been disposed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public GradientAccumulation(IEnumerable<Parameter> parameters, int batches)
    {
        this.parameters = Gradients.Owners(parameters);
        Batches = Guard.AtLeast(batches, 1);
    }

    /// <summary>The number of small batches of one step.</summary>
    public int Batches { get; }

    /// <summary>The sampled classes of the losses, whose gradients are not in the parameters: <see cref="Complete"/> scales their gradients
    /// too. Default: none.</summary>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    /// <exception cref="ArgumentException">An item is null.</exception>
    public IReadOnlyList<SampledClasses> Sampled { get; init => field = Guard.Items(value); } = [];

    /// <summary>The number of small batches that have been added since the last step.</summary>
    public int Pending { get; private set; }

    /// <summary>Adds the gradient of a small batch.</summary>
    /// <param name="loss">A scalar with gradient, which has not been propagated yet.</param>
    /// <param name="share">Its weight: the rows of this small batch ÷ the rows of all of them; above 0. Default: 1 ÷ <see cref="Batches"/>,
    /// for small batches of one size.</param>
    /// <returns>Whether the group is full, so that the optimizer should step now.</returns>
    /// <exception cref="ArgumentNullException">The loss is null.</exception>
    /// <exception cref="ArgumentException">The loss is not a scalar, has no gradient, or has been disposed. No gradient has been
    /// added.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The share is not a positive number.</exception>
    /// <exception cref="ObjectDisposedException">A parameter has been disposed, for example because the model has been moved. No gradient
    /// has been added.</exception>
    public bool Backward(Tensor loss, double? share = null)
    {
        Gradients.RequireAlive(parameters, nameof(GradientAccumulation));
        Guard.Alive(loss);
        if (loss.numel() != 1) throw new ArgumentException($"loss must be a scalar, got {Guard.Shape(loss)}.", nameof(loss));
        if (!loss.requires_grad)
            throw new ArgumentException($"loss must have a gradient, got {Guard.Shape(loss)} without one. Was it computed under no_grad, "
                + $"or from frozen parameters? A value that {nameof(GradientCache)} or a report returns is already propagated or detached.",
                nameof(loss));
        var weight = share is { } given ? Guard.Positive(given, nameof(share)) : 1.0 / Batches;
        using (enable_grad())
        using (var part = loss * S(weight)) part.backward();
        this.share = (Pending == 0 ? 0 : this.share) + weight;
        Pending = Pending + 1 == Batches ? 0 : Pending + 1;
        return Pending == 0;
    }

    /// <summary>Ends a group that is not full, as at the end of an epoch: scales its gradient to the mean of the losses that it
    /// holds.</summary>
    /// <returns>Whether there was such a group, so that the optimizer should step now.</returns>
    /// <exception cref="ObjectDisposedException">A parameter has been disposed.</exception>
    public bool Complete()
    {
        if (Pending == 0) return false;
        Gradients.RequireAlive(parameters, nameof(GradientAccumulation));
        GradientScale.Divide(parameters, share);
        foreach (var sampled in Sampled) sampled.DivideGradients(share);
        Pending = 0;
        return true;
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, double> SaveState() => Pending == 0 ? Settings
        : throw new InvalidOperationException($"The gradients of {MessageText.Counted(Pending, "batch", "batches")} are not applied yet, "
            + $"and a checkpoint does not hold gradients: save where {nameof(Pending)} is 0.");

    /// <inheritdoc/>
    /// <remarks>It also refuses the state of another number of batches.</remarks>
    public void CheckState(IReadOnlyDictionary<string, double> state)
    {
        state.CheckSettings(Settings);
        Gradients.RequireAlive(parameters, nameof(GradientAccumulation));
    }

    /// <inheritdoc/>
    /// <remarks>The state is one between two groups, so the parameters have no gradient afterwards.</remarks>
    public void LoadState(IReadOnlyDictionary<string, double> state)
    {
        CheckState(state);
        Gradients.Drop(parameters);
        foreach (var sampled in Sampled) sampled.DiscardGradients();
        Pending = 0;
    }

    private Dictionary<string, double> Settings => new() { ["batches"] = Batches };
}
