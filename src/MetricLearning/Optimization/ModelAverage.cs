using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A moving average of a model's weights and of the statistics of its batch normalization. A model with the averaged weights often
/// ranks a gallery better than one with the newest weights.</summary>
/// <remarks>
/// After each step of the optimizer, an update moves the average a toward the model's weights w: <c>a ← d·a + (1 − d)·w</c>, where d is the
/// decay. Whole numbers (the count of batches) are copied. It is timm's <c>ModelEmaV3</c>, and PyTorch's <c>AveragedModel</c> with
/// <c>get_ema_multi_avg_fn</c>. A slow decay keeps the initial weights for a long time, so warm it up: with the power p the decay of update
/// t is <c>min(d, 1 − (1 + (t − 1)/γ)^−p)</c>, and the first update takes the weights as they are.
/// <code>
/// using var average = new ModelAverage(model, decay: 0.999, warmUpPower: 2.0 / 3);
/// checkpoint.Add("average", average);
/// ...
/// optimizer.SafeStep();
/// average.Update();
/// ...
/// using (average.Use())                           // the model has the averaged weights
/// using (new EvaluationMode(model))
///     report = Evaluate(model);                   // afterwards it has its own again
/// </code>
/// <para>Averages of float16 and bfloat16 are kept in float32, because in the model's own type <c>(1 − d)·w</c> would be too small to
/// change them. <see cref="Use"/> rounds them to that type.</para>
/// <para>It takes as much memory as the model's state (twice as much for half precision); while it is used, that of one more copy.</para>
/// <para>Thread safety: one thread at a time. While the average is used, no other thread trains the model.</para>
/// </remarks>
public sealed class ModelAverage : ITrainingState, IDisposable
{
    private readonly nn.Module model;
    private readonly Dictionary<string, Tensor> averages;
    private Swap? inUse;
    private bool isDisposed;

    /// <summary>Creates an average that starts with the model's state.</summary>
    /// <param name="model">The model; the average does not own it. Move it to its device before.</param>
    /// <param name="decay">d, in [0, 1). Default: 0.9999.</param>
    /// <param name="warmUpPower">p of the warm-up, above 0; timm's is 2/3. Null (the default) for none.</param>
    /// <param name="warmUpGamma">γ of the warm-up, above 0. Default: 1.</param>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The decay is not in [0, 1), or another number is not positive.</exception>
    public ModelAverage(nn.Module model, double decay = 0.9999, double? warmUpPower = null, double warmUpGamma = 1)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (!(decay is >= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(decay), decay, "decay must be in [0, 1).");
        (this.model, Decay, WarmUpGamma) = (model, decay, Guard.Positive(warmUpGamma));
        WarmUpPower = warmUpPower is { } power ? Guard.Positive(power, nameof(warmUpPower)) : null;
        averages = Copies(ModuleState.Of(model), wide: true);
    }

    /// <summary>d, the decay.</summary>
    public double Decay { get; }

    /// <summary>p of the warm-up; null for none.</summary>
    public double? WarmUpPower { get; }

    /// <summary>γ of the warm-up.</summary>
    public double WarmUpGamma { get; }

    /// <summary>The number of updates that have been made.</summary>
    public long Updates { get; private set; }

    /// <summary>The averaged tensors by their names in the model's state. They belong to this object.</summary>
    public IReadOnlyDictionary<string, Tensor> StateTensors => averages;

    /// <summary>The decay of an update: a pure function.</summary>
    /// <param name="update">The number of the update, from 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public double DecayAt(long update)
    {
        Guard.AtLeast(update, 1);
        return WarmUpPower is not { } power ? Decay : Math.Min(Decay, 1 - Math.Pow(1 + (update - 1) / WarmUpGamma, -power));
    }

    /// <summary>Takes the model's weights into the average. Call it after each step of the optimizer.</summary>
    /// <exception cref="InvalidOperationException">The average is in use, so the model does not have its own weights. Or a tensor of the
    /// model is new or has another shape since the average was made. Nothing has changed.</exception>
    /// <exception cref="ObjectDisposedException">The average or the model has been disposed.</exception>
    public void Update()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        if (inUse is not null) throw new InvalidOperationException("The average is in use: end its scope before the next update.");
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var rest = 1 - DecayAt(Updates + 1);
        foreach (var (name, value) in ModelState())
        {
            var average = averages[name];
            if (average.is_floating_point() && rest < 1) average.add_(value.detach() - average, S(rest));
            else average.copy_(value);
        }
        Updates++;
    }

    /// <summary>Gives the model the averaged weights until the returned scope is disposed. Then the model has its own weights again, bit
    /// for bit: weights that are loaded meanwhile are lost.</summary>
    /// <returns>The scope.</returns>
    /// <exception cref="InvalidOperationException">The average is already in use, or a tensor of the model is new or has another
    /// shape.</exception>
    /// <exception cref="ObjectDisposedException">The average or the model has been disposed.</exception>
    public IDisposable Use()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        if (inUse is not null) throw new InvalidOperationException("The average is already in use.");
        return inUse = new Swap(this);
    }

    /// <summary>Frees the averaged tensors; gives the model its own weights back if the average is in use.</summary>
    public void Dispose()
    {
        inUse?.Dispose();
        isDisposed = true;
        foreach (var tensor in averages.Values) tensor.Dispose();
        averages.Clear();
    }

    /// <inheritdoc/>
    /// <remarks>While the average is in use it throws: a checkpoint would hold the average as the model's weights.</remarks>
    public IReadOnlyDictionary<string, double> SaveState()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        return inUse is null ? new Dictionary<string, double>(Settings) { ["updates"] = Updates } : throw new InvalidOperationException(
            "The average is in use, so the model does not have its own weights: save after its scope.");
    }

    /// <inheritdoc/>
    /// <remarks>It also refuses the state of an average with another decay or warm-up. While the average is in use it throws: the model's
    /// own weights, which come back later, would replace the loaded ones.</remarks>
    public void CheckState(IReadOnlyDictionary<string, double> state)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        state.Count("updates");
        state.CheckSettings(Settings);
        RequireUnused(model);
    }

    /// <inheritdoc/>
    public void LoadState(IReadOnlyDictionary<string, double> state)
    {
        CheckState(state);
        Updates = state.Count("updates");
    }

    /// <summary>Refuses to load weights into the model while the average is in use: the model's own weights, which come back later, would
    /// replace them.</summary>
    /// <param name="loaded">The module that is loaded.</param>
    /// <exception cref="InvalidOperationException">It is the model of this average, and the average is in use.</exception>
    internal void RequireUnused(nn.Module loaded)
    {
        if (inUse is not null && ReferenceEquals(loaded, model))
            throw new InvalidOperationException("The average is in use, so the model does not have its own weights: load after its scope.");
    }

    /// <summary>The model's state, in which every tensor has an average.</summary>
    private Dictionary<string, Tensor> ModelState()
    {
        var state = ModuleState.Of(model, averages.Count);
        foreach (var (name, value) in state)
            if (!averages.TryGetValue(name, out var average) || !average.shape.SequenceEqual(value.shape))
                throw new InvalidOperationException($"The model's '{name}' is {Guard.Shape(value)} and was "
                    + $"{(average is null ? "not there" : Guard.Shape(average))} when the average was made: make a new average after the "
                    + "model has changed.");
        return state;
    }

    private Dictionary<string, double> Settings => new()
    {
        ["decay"] = Decay,
        ["warmUpPower"] = WarmUpPower ?? double.NaN,
        ["warmUpGamma"] = WarmUpGamma,
    };

    /// <summary>Copies a state.</summary>
    /// <param name="state">The state.</param>
    /// <param name="wide">Whether half precision becomes float32.</param>
    private static Dictionary<string, Tensor> Copies(IReadOnlyDictionary<string, Tensor> state, bool wide)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return state.ToDictionary(entry => entry.Key, entry => entry.Value.to(
            wide && entry.Value.dtype is (ScalarType.Float16 or ScalarType.BFloat16) ? ScalarType.Float32 : entry.Value.dtype, copy: true)
            .DetachFromDisposeScope());
    }

    /// <summary>Copies tensors into the model's state.</summary>
    private void Fill(IReadOnlyDictionary<string, Tensor> values)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (name, target) in model.state_dict()) target.copy_(values[name]);
    }

    /// <summary>The scope in which the model has the averaged weights.</summary>
    private sealed class Swap : IDisposable
    {
        private readonly ModelAverage owner;
        private readonly Dictionary<string, Tensor> own;

        public Swap(ModelAverage owner)
        {
            (this.owner, own) = (owner, Copies(owner.ModelState(), wide: false));
            owner.Fill(owner.averages);
        }

        public void Dispose()
        {
            if (!ReferenceEquals(owner.inUse, this)) return;
            owner.Fill(own);
            foreach (var tensor in own.Values) tensor.Dispose();
            owner.inUse = null;
        }
    }
}
