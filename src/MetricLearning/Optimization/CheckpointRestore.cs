using System.Buffers.Binary;
using System.Globalization;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Compares the parts of a run with a checkpoint, and collects what to change in them. Nothing changes before <see cref="Apply"/>: if any
/// part does not fit, all parts stay as they were.
/// </summary>
/// <param name="path">The file, for messages.</param>
/// <param name="saved">Its text.</param>
/// <param name="tensors">Its tensors.</param>
internal sealed class CheckpointRestore(string path, CheckpointText saved, IReadOnlyDictionary<string, Tensor> tensors)
{
    private readonly List<Action> changes = [];

    /// <summary>The type and shape of a tensor, which must agree.</summary>
    public static string Signature(Tensor value) => $"{value.dtype} {Guard.Shape(value)}";

    /// <summary>Requires the same parts of a kind in both.</summary>
    public void CheckNames(string kind, IEnumerable<string> present, IEnumerable<string> inFile)
    {
        HashSet<string> here = [.. present], there = [.. inFile];
        if (here.Except(there).FirstOrDefault() is { } missing) throw Unfit($"it holds no {kind} '{missing}'");
        if (there.Except(here).FirstOrDefault() is { } extra) throw Unfit($"it holds the {kind} '{extra}', which has not been added");
    }

    /// <summary>The state of torch's CPU generator.</summary>
    public void Random(string key)
    {
        if (!tensors.TryGetValue(key, out var state)) throw Unfit("it holds no random state");
        using var here = get_rng_state();
        if (Signature(state) != Signature(here)) throw Unfit($"its random state is {Signature(state)}, and torch's is {Signature(here)}");
        if (!IsGeneratorState(state.bytes)) throw Unfit("its random state is not one of torch's generator");
        changes.Add(() => set_rng_state(state));
    }

    /// <param name="name">The name of the module.</param>
    /// <param name="module">The module.</param>
    /// <param name="least">The number of tensors that it has at least, while it is in use.</param>
    /// <exception cref="ObjectDisposedException">The module has been disposed.</exception>
    public void Module(string name, nn.Module module, int least)
    {
        var state = ModuleState.Of(module, least);
        foreach (var key in tensors.Keys.Where(key => key.StartsWith(name + ".", StringComparison.Ordinal)))
            if (!state.ContainsKey(key[(name.Length + 1)..])) throw Unfit($"it holds '{key}', which the module does not have");
        foreach (var (key, target) in state)
        {
            if (!tensors.TryGetValue($"{name}.{key}", out var value)) throw Unfit($"the module's '{name}.{key}' is not in it");
            if (Signature(value) != Signature(target))
                throw Unfit($"'{name}.{key}' is {Signature(value)} in it and {Signature(target)} in the module");
            changes.Add(() => target.copy_(value));
        }
        // A gradient of the weights before must not change the restored ones.
        changes.Add(() => Gradients.Drop(module));
    }

    public void State(string name, ITrainingState part)
    {
        var state = saved.States[name];
        CheckState(name, () => part.CheckState(state));
        foreach (var (key, target) in part.StateTensors)
        {
            if (!tensors.TryGetValue($"{name}.{key}", out var value)) throw Unfit($"the tensor '{name}.{key}' is not in it");
            if (Signature(value) != Signature(target))
                throw Unfit($"'{name}.{key}' is {Signature(value)} in it and {Signature(target)} here");
            changes.Add(() => target.copy_(value));
        }
        changes.Add(() => part.LoadState(state));
    }

    /// <param name="name">The name of the optimizer.</param>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="places">The group and the name of each of its parameters.</param>
    public void Optimizer(string name, OptimizerHelper optimizer, IReadOnlyList<string> places)
    {
        var state = saved.Optimizers[name];
        if (state.Kind != optimizer.GetType().Name) throw Unfit($"'{name}' is {state.Kind} in it and {optimizer.GetType().Name} here");
        var parameters = OptimizerStates.Of(optimizer);
        CheckParameters(name, state.Parameters, [.. parameters.Select(entry => Signature(entry.Parameter))]);
        if (state.Places.Count > 0) CheckParameters(name, state.Places, places);
        if (state.Numbers.Count != parameters.Count) throw Unfit($"it lacks numbers of '{name}'");
        if (!OptimizerStates.Settings(optimizer).Select(group => group.Length).SequenceEqual(state.Settings.Select(group => group.Length)))
            throw Unfit($"the parameter groups of '{name}' are others here");
        changes.Add(() => OptimizerStates.SetSettings(optimizer, state.Settings));
        changes.Add(() => Gradients.Drop(parameters.Select(entry => entry.Parameter)));
        for (var i = 0; i < parameters.Count; i++)
        {
            var prefix = string.Create(CultureInfo.InvariantCulture, $"{name}.{i}.");
            ParameterNumbers(prefix, parameters[i].State, state.Numbers[i]);
            ParameterTensors(prefix, parameters[i].State, parameters[i].Parameter);
        }
    }

    public void Schedule(string name, LearningRateSchedule schedule)
    {
        var state = saved.Schedules[name];
        CheckState(name, () => schedule.CheckedFactor(state, nameof(schedule.State)));
        changes.Add(() => schedule.State = state);
    }

    public void Sampler(string name, Sampler sampler)
    {
        var (state, there, digest, numbers) = saved.Samplers[name];
        var here = SavedSampler.IdentityOf(sampler, state.Epoch);
        if (here != there) throw Unfit($"'{name}' has {there} in it and {here} here");
        CheckState(name, () => sampler.Checked(state, nameof(sampler.State)));
        CheckState(name, () => changes.Add(sampler.Restorer(numbers)));
        if (digest is not null && digest != sampler.DigestOf(state.Epoch, numbers))
            throw Unfit(string.Create(CultureInfo.InvariantCulture,
                $"'{name}' draws other batches in epoch {state.Epoch} than when it was saved: its labels, weights or settings differ"));
        changes.Add(() => sampler.State = state);
    }

    /// <summary>Changes all parts that were compared, in that order.</summary>
    public void Apply()
    {
        foreach (var change in changes) change();
    }

    /// <summary>Whether torch accepts the bytes as the state of its Mersenne twister. If it does not accept them, torch ends the
    /// process.</summary>
    /// <remarks>They begin with the seed (8 bytes), how many of the 624 numbers are left (4 bytes), whether it was seeded (4 bytes) and the
    /// place of the next number (8 bytes, of which torch takes the lower 4): CPUGeneratorImplStateLegacy.</remarks>
    private static bool IsGeneratorState(ReadOnlySpan<byte> state)
    {
        const int size = 624;
        return BinaryPrimitives.ReadInt32LittleEndian(state[8..]) is > 0 and <= size
            && BinaryPrimitives.ReadInt32LittleEndian(state[12..]) != 0
            && BinaryPrimitives.ReadUInt32LittleEndian(state[16..]) <= size;
    }

    private void CheckParameters(string name, IReadOnlyList<string> there, IReadOnlyList<string> here)
    {
        if (there.Count != here.Count) throw Unfit(string.Create(CultureInfo.InvariantCulture,
            $"'{name}' has {there.Count} parameters in it and {here.Count} here"));
        for (var i = 0; i < here.Count; i++)
            if (there[i] != here[i]) throw Unfit(string.Create(CultureInfo.InvariantCulture,
                $"parameter {i} of '{name}' is {there[i]} in it and {here[i]} here"));
    }

    private void ParameterNumbers(string prefix, OptimizerState own, IReadOnlyList<double> values)
    {
        var numbers = OptimizerStates.Numbers(own);
        if (numbers.Length != values.Count) throw Unfit($"it holds {values.Count} numbers of '{prefix}*', and there are {numbers.Length}");
        foreach (var (number, value) in numbers.Zip(values)) changes.Add(() => number.Set(value));
    }

    private void ParameterTensors(string prefix, OptimizerState own, Parameter parameter)
    {
        foreach (var slot in OptimizerStates.Tensors(own))
        {
            Tensor? value = null;
            if (tensors.TryGetValue(prefix + slot.Name, out var found))
            {
                if (!found.shape.SequenceEqual(parameter.shape))
                    throw Unfit($"'{prefix}{slot.Name}' is {Signature(found)} in it, and its parameter is {Signature(parameter)}");
                // The order of the entries in memory decides by which kernel the optimizer steps, so it must be as before.
                var like = slot.Get() is { is_sparse: false } before ? before : parameter;
                value = zeros_like(like, found.dtype, parameter.device).copy_(found);
            }
            changes.Add(() =>
            {
                slot.Get()?.Dispose();
                slot.Set(value?.DetachFromDisposeScope());
            });
        }
    }

    private void CheckState(string name, Action check)
    {
        try
        {
            check();
        }
        catch (ArgumentException e)
        {
            throw Unfit($"the state of '{name}' is refused: {Reason(e)}");
        }
    }

    /// <summary>The message of an error in one line, without the full stop.</summary>
    private static string Reason(ArgumentException error) =>
        MessageText.WithoutParameter(error).ReplaceLineEndings(" ").TrimEnd('.');

    private InvalidDataException Unfit(string reason) => new($"{path} does not fit: {reason}.");
}
