using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Trains only a part of a model at first: the rest is frozen for a while and then released.</summary>
/// <remarks>
/// At first a new head gives random gradients to a trained backbone; freezing the backbone keeps them away from it. While a part is frozen,
/// its parameters get no gradient, and the gradients that they had are dropped, so the optimizer does not change them. Its modules are in
/// evaluation mode, so batch normalization keeps its statistics. fast-reid's strong baseline freezes the backbone for 1,000 iterations,
/// torchreid (<c>fixbase_epoch</c>) all but the classifier for 10 epochs. Parameters that you froze before are never released.
/// <para>Freezes of one model may overlap, to release it part by part. Parameters that several freezes hold are released with the last of
/// these freezes, in whichever order they were made.</para>
/// <para>Move the model to its device before you freeze it, because the move replaces its parameters. For the same reason, create
/// optimizers after the move. Give them a list if you filter the parameters (<c>[.. parameters.Where(…)]</c>): TorchSharp enumerates a
/// query anew at each step, and after the release it would give parameters that the optimizer does not know.</para>
/// <code>
/// var freeze = new StagedFreeze(model, TrainingSpan.Iterations(1000), ["backbone"]);
/// checkpoint.Add("freeze", freeze);
/// ...
/// model.train();
/// freeze.Apply();         // at the start of each epoch, after train(); it releases the part when it is time
/// ...
/// optimizer.SafeStep();
/// freeze.Step();
/// </code>
/// <para>Thread safety: one thread at a time, the one that trains the model.</para>
/// </remarks>
public sealed class StagedFreeze : ITrainingState
{
    private const string LengthKey = "length in iterations", PartKey = "part ";
    private readonly nn.Module model;
    private readonly Parameter[] parameters;
    private readonly nn.Module[] modules;
    private readonly double iterations;

    /// <summary>Freezes parts of a model at once.</summary>
    /// <param name="model">The model.</param>
    /// <param name="length">How long the parts are frozen, counted from the start of training.</param>
    /// <param name="prefixes">The dotted names of the parts, such as <c>backbone</c>; at least one.</param>
    /// <param name="iterationsPerEpoch">The number of iterations of an epoch; needed if the length is in epochs, null otherwise (the
    /// default). It is <see cref="Sampler.BatchesPerEpoch"/>.</param>
    /// <exception cref="ArgumentNullException">The model or the prefixes are null.</exception>
    /// <exception cref="ArgumentException">There is no prefix, one names no parameter, or the length is in epochs and the iterations of an
    /// epoch are not given.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The iterations of an epoch are not positive.</exception>
    public StagedFreeze(nn.Module model, TrainingSpan length, IReadOnlyList<string> prefixes, int? iterationsPerEpoch = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        NamedParts.Check(model, prefixes);
        if (prefixes.Count == 0) throw new ArgumentException("prefixes must name at least one part.", nameof(prefixes));
        if (iterationsPerEpoch is { } given) Guard.AtLeast(given, 1, nameof(iterationsPerEpoch));
        else if (length.InEpochs)
            throw new ArgumentException("iterationsPerEpoch must be given if the length is in epochs.", nameof(iterationsPerEpoch));
        (this.model, Length, Prefixes) = (model, length, [.. prefixes]);
        iterations = length.ToIterations(iterationsPerEpoch ?? 1);
        parameters = [.. model.named_parameters().Where(entry => IsOfPart(entry.name)).Select(entry => entry.parameter)
            .Where(parameter => parameter.requires_grad || Holds.Any(parameter))];
        modules = [.. model.named_modules().Where(entry => IsOfPart(entry.name)).Select(entry => entry.module)];
        Apply();
    }

    /// <summary>How long the parts are frozen.</summary>
    public TrainingSpan Length { get; }

    /// <summary>The dotted names of the parts.</summary>
    public IReadOnlyList<string> Prefixes { get; }

    /// <summary>The number of iterations that are done.</summary>
    public long Iteration { get; private set; }

    /// <summary>Whether the parts are frozen now.</summary>
    public bool IsFrozen => Iteration < iterations;

    /// <summary>Counts an iteration as done. After the last frozen one it releases the parts that no other freeze holds: they take
    /// gradients, and are in training mode if the model is.</summary>
    /// <exception cref="ObjectDisposedException">A frozen parameter has been disposed, for example because the model has been
    /// moved.</exception>
    public void Step()
    {
        var wasFrozen = IsFrozen;
        if (wasFrozen) Gradients.RequireAlive(parameters, nameof(StagedFreeze));
        Iteration++;
        if (wasFrozen && !IsFrozen) Release();
    }

    /// <summary>Puts frozen parts into evaluation mode again, after <c>model.train()</c> has put them into training mode. Does nothing once
    /// they are released.</summary>
    /// <exception cref="ObjectDisposedException">A frozen parameter has been disposed, for example because the model has been
    /// moved.</exception>
    public void Apply()
    {
        if (!IsFrozen) return;
        Gradients.RequireAlive(parameters, nameof(StagedFreeze));
        foreach (var parameter in parameters) Holds.Freeze(parameter, this);
        foreach (var module in modules) Holds.Freeze(module, this);
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, double> SaveState()
    {
        var state = new Dictionary<string, double> { ["iteration"] = Iteration, [LengthKey] = iterations };
        foreach (var prefix in Prefixes) state.Add(PartKey + prefix, 1);
        return state;
    }

    /// <inheritdoc/>
    /// <remarks>It also refuses the state of a freeze of another length or of other parts.</remarks>
    public void CheckState(IReadOnlyDictionary<string, double> state)
    {
        state.Count("iteration");
        state.CheckSettings(new Dictionary<string, double> { [LengthKey] = iterations });
        var saved = state.Keys.Where(key => key.StartsWith(PartKey, StringComparison.Ordinal))
            .Select(key => key[PartKey.Length..]).ToList();
        if (!saved.ToHashSet().SetEquals(Prefixes))
            throw new ArgumentException($"it was saved with prefixes = {string.Join(", ", saved)}, and here prefixes = "
                + $"{string.Join(", ", Prefixes)}.", nameof(state));
        Gradients.RequireAlive(parameters, nameof(StagedFreeze));
    }

    /// <inheritdoc/>
    public void LoadState(IReadOnlyDictionary<string, double> state)
    {
        CheckState(state);
        var wasFrozen = IsFrozen;
        Iteration = state.Count("iteration");
        if (IsFrozen) Apply();
        else if (wasFrozen) Release();
    }

    private void Release()
    {
        foreach (var parameter in parameters)
            if (Holds.End(parameter, this)) parameter.requires_grad_(true);
        // Setting the mode of a module also sets that of its children. Parents come first, so each child ends in its own mode.
        foreach (var module in modules) module.train(Holds.End(module, this) && model.training);
    }

    private bool IsOfPart(string name) => Prefixes.Any(prefix => NamedParts.IsIn(name, prefix));
}
