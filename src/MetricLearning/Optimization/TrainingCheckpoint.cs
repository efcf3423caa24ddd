using System.Diagnostics;
using System.Globalization;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// A training run on disk: modules, optimizers, schedules, samplers, other parts, torch's random state and the user's own numbers, in one
/// file. A run that is killed and resumed from it ends with the same weights as an unbroken run.
/// </summary>
/// <remarks>
/// <para><b>Saving</b> is atomic: the file is written next to the old one, flushed to the disk and renamed. If the process is killed,
/// either the old or the new checkpoint remains. <b>Loading</b> reads and checks the whole file (format, version, lengths, SHA-256) and
/// compares it with all parts before it changes any of them. After an exception all parts are as they were. A checkpoint holds no
/// gradients: loading drops those of all modules and optimizers, so nothing of the time before remains.</para>
/// <para><b>Settings</b> come from your program. Parts whose state belongs to their settings (samplers, seeded miners, and parts such as
/// <see cref="ModelAverage"/> and <see cref="Curriculum"/>) refuse the state of other settings, and the message names the setting. A
/// schedule may be another: its rate depends only on the position, so a run can be made longer, and has the rates of the new schedule. The
/// settings of an optimizer (initial learning rate, momentum, betas, weight decay) are part of its state, as in PyTorch: loading restores
/// the settings in the file. Change them after loading. An optimizer keeps its state by position, so it is refused if it has other
/// parameters at its places, or other groups. Parameters of modules that are not added have no names.</para>
/// <para>The file does not depend on the device. It is a valid safetensors file: Python's <c>safetensors</c> opens it, and the tensors of
/// the module added as "model" are named <c>model.layer1.weight</c> and so on. Loading executes nothing from the file.</para>
/// <para>The random state is that of torch's CPU generator. TorchSharp gives no access to the generators of CUDA, so dropout that is drawn
/// on a GPU does not resume bit for bit.</para>
/// <para>Thread safety: one thread at a time, while no other thread changes the parts or draws from torch's generator.</para>
/// <example><code>
/// var checkpoint = new TrainingCheckpoint();
/// checkpoint.Add("model", model);
/// checkpoint.Add("optimizer", optimizer);
/// checkpoint.Add("schedule", schedule);
/// checkpoint.Add("sampler", sampler);
/// if (File.Exists(path)) checkpoint.Load(path);
/// ...
/// checkpoint.Numbers["epoch"] = epoch;
/// checkpoint.Save(path);
/// </code></example>
/// </remarks>
public sealed class TrainingCheckpoint
{
    /// <summary>The name of the newest checkpoint in a folder.</summary>
    public const string LastFile = "last.safetensors";

    /// <summary>The name of the best checkpoint in a folder.</summary>
    public const string BestFile = "best.safetensors";

    private const string Random = "rng";
    private const string RandomKey = Random + ".torch";    // so no part may be named "rng"
    private readonly Stopwatch unsaved = Stopwatch.StartNew();
    private readonly Dictionary<string, AddedModule> modules = [];
    private readonly Dictionary<string, OptimizerHelper> optimizers = [];
    private readonly Dictionary<string, LearningRateSchedule> schedules = [];
    private readonly Dictionary<string, Sampler> samplers = [];
    private readonly Dictionary<string, ITrainingState> states = [];

    /// <summary>The user's numbers, such as the epoch and the newest metrics. Saved, and replaced by loading.</summary>
    public IDictionary<string, double> Numbers { get; private set; } = new Dictionary<string, double>();

    /// <summary>The user's series, such as the loss of every epoch; none may be null. Saved, and replaced by loading.</summary>
    public IDictionary<string, IReadOnlyList<double>> Histories { get; private set; } = new Dictionary<string, IReadOnlyList<double>>();

    /// <summary>The user's texts, such as the recipe and the dataset; none may be null or have half of a surrogate pair. Saved, and
    /// replaced by loading.</summary>
    public IDictionary<string, string> Notes { get; private set; } = new Dictionary<string, string>();

    /// <summary>The embedding space of the model: the network, how images are prepared, the distance. <see cref="EmbeddingSpace.Read"/>
    /// finds it in the file, so that programs that only load the weights know it. Saved, and replaced by loading a file that has one.
    /// Default: null, not known.</summary>
    public EmbeddingSpace? Space { get; set; }

    /// <summary>The score of the best checkpoint that <see cref="SaveLastAndBest"/> has written; null before the first.</summary>
    public double? BestScore { get; private set; }

    /// <summary>The running time that would be lost if the process were killed now: the time since this object last saved or loaded, or
    /// since it was made. A loop that saves when this exceeds some minutes loses at most those minutes plus one step.</summary>
    public TimeSpan Unsaved => unsaved.Elapsed;

    /// <summary>Adds a model, or a loss with learned parts: its parameters and buffers.</summary>
    /// <param name="name">The name, unique in this checkpoint, without dots.</param>
    /// <param name="module">The module.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The name is empty, has a dot or half of a surrogate pair, or is taken.</exception>
    public void Add(string name, nn.Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        using var scope = NewDisposeScope();
        Add(modules, name, new AddedModule(module, module.state_dict().Count));
    }

    /// <summary>Adds an optimizer: its settings, and the state that it keeps for each parameter.</summary>
    /// <param name="name">The name, unique in this checkpoint, without dots.</param>
    /// <param name="optimizer">SGD, Adam, AdamW, NAdam, RAdam, Adamax, RMSProp, Adagrad, Adadelta, ASGD or Rprop.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The name is empty, has a dot or half of a surrogate pair, or is taken.</exception>
    /// <exception cref="NotSupportedException">The optimizer is of another kind.</exception>
    public void Add(string name, optim.Optimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        if (optimizer is not OptimizerHelper helper)
            throw new NotSupportedException(
                $"The optimizer {optimizer.GetType().Name} does not give its state; a checkpoint cannot hold it.");
        foreach (var (_, state) in OptimizerStates.Of(helper)) OptimizerStates.Tensors(state);
        Add(optimizers, name, helper);
    }

    /// <summary>Adds a learning-rate schedule: its position.</summary>
    /// <param name="name">The name, unique in this checkpoint, without dots.</param>
    /// <param name="schedule">The schedule.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The name is empty, has a dot or half of a surrogate pair, or is taken.</exception>
    public void Add(string name, LearningRateSchedule schedule) => Add(schedules, name, Guard.NotNull(schedule));

    /// <summary>Adds a sampler: its position.</summary>
    /// <param name="name">The name, unique in this checkpoint, without dots.</param>
    /// <param name="sampler">The sampler.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The name is empty, has a dot or half of a surrogate pair, or is taken.</exception>
    public void Add(string name, Sampler sampler) => Add(samplers, name, Guard.NotNull(sampler));

    /// <summary>Adds a part with numbers of its own: <see cref="ModelAverage"/>, <see cref="EarlyStop"/>, <see cref="StagedFreeze"/>,
    /// <see cref="GradientAccumulation"/>, <see cref="Curriculum"/>, or one of yours.</summary>
    /// <param name="name">The name, unique in this checkpoint, without dots.</param>
    /// <param name="part">The part. Add a part after the parts that it changes. Modules, optimizers, samplers and schedules are restored
    /// first, then these parts in the order in which they were added.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The name is empty, has a dot or half of a surrogate pair, or is taken.</exception>
    public void Add(string name, ITrainingState part) => Add(states, name, Guard.NotNull(part));

    /// <summary>Writes the current state of all parts, atomically. Missing folders are created.</summary>
    /// <param name="path">The file; it may exist.</param>
    /// <exception cref="IOException">The file cannot be written, for instance because the disk is full. The old file is as it
    /// was.</exception>
    /// <exception cref="ArgumentException">The path is null or empty, a history or a note is null, a note or a name has half of a surrogate
    /// pair, or a tensor is of a type that the file cannot hold. The old file is as it was.</exception>
    /// <exception cref="InvalidOperationException">A part is at a moment that cannot be saved, for example between a backward pass and
    /// <see cref="SampledClasses.Step"/>. The old file is as it was.</exception>
    /// <exception cref="ObjectDisposedException">A module has been disposed. The old file is as it was.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Save(path, BestScore);
    }

    /// <summary>Saves <see cref="LastFile"/>, and before it <see cref="BestFile"/> if the score is better than all earlier ones.</summary>
    /// <param name="folder">The folder of both.</param>
    /// <param name="score">The score of the model, for example mAP. NaN is never the best.</param>
    /// <param name="lowerIsBetter">True for a loss. Default: false.</param>
    /// <returns>Whether this is the best score so far.</returns>
    /// <exception cref="IOException">A file cannot be written. <see cref="BestScore"/> is the score of the best file that was
    /// written.</exception>
    /// <exception cref="ArgumentException">As for <see cref="Save(string)"/>.</exception>
    /// <exception cref="InvalidOperationException">A part is at a moment that cannot be saved.</exception>
    /// <exception cref="ObjectDisposedException">A module has been disposed. The old files are as they were.</exception>
    public bool SaveLastAndBest(string folder, double score, bool lowerIsBetter = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var better = !double.IsNaN(score) && (BestScore is not { } best || (lowerIsBetter ? score < best : score > best));
        if (better)
        {
            Save(Path.Combine(folder, BestFile), score);
            BestScore = score;
        }
        Save(Path.Combine(folder, LastFile), BestScore);
        return better;
    }

    /// <summary>Restores all parts, torch's random state and the user's numbers, and drops the gradients of all modules and
    /// optimizers.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">The file is truncated, damaged, of another kind or version, or does not fit the parts. The
    /// message says what is wrong, and nothing has changed.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="ArgumentException">The path is null or empty.</exception>
    /// <exception cref="InvalidOperationException">A part is at a moment at which no state can be loaded, for example a
    /// <see cref="ModelAverage"/> in use. Nothing has changed.</exception>
    /// <exception cref="ObjectDisposedException">A part has been disposed. Nothing has changed.</exception>
    public void Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var scope = NewDisposeScope();
        using var unchanging = no_grad();
        var (saved, tensors) = CheckpointFile.Read(path);
        using var owned = tensors;
        var space = CheckpointFile.SpaceOf(path, tensors);

        var restore = new CheckpointRestore(path, saved, tensors);
        restore.CheckNames("module", modules.Keys, saved.Modules);
        restore.CheckNames("optimizer", optimizers.Keys, saved.Optimizers.Keys);
        restore.CheckNames("schedule", schedules.Keys, saved.Schedules.Keys);
        restore.CheckNames("sampler", samplers.Keys, saved.Samplers.Keys);
        restore.CheckNames("part", states.Keys, saved.States.Keys);
        restore.Random(RandomKey);
        foreach (var (name, added) in modules) restore.Module(name, added.Module, added.Tensors);
        foreach (var (name, optimizer) in optimizers) restore.Optimizer(name, optimizer, PlacesOf(optimizer));
        foreach (var (name, sampler) in samplers) restore.Sampler(name, sampler);
        foreach (var (name, schedule) in schedules) restore.Schedule(name, schedule);
        foreach (var (name, part) in states) restore.State(name, part);

        restore.Apply();
        (Numbers, Histories, Notes, BestScore) = (saved.Numbers, saved.Histories, saved.Notes, saved.BestScore);
        Space = space ?? Space;
        unsaved.Restart();
    }

    /// <summary>Reads only the notes of a checkpoint, for example to find out which run it belongs to before its parts are created. The
    /// whole file is checked.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">The file is truncated, damaged, of another kind or version.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="ArgumentException">The path is null or empty.</exception>
    public static IReadOnlyDictionary<string, string> ReadNotes(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var (saved, tensors) = CheckpointFile.Read(path);
        tensors.Dispose();
        return saved.Notes.AsReadOnly();
    }

    /// <summary>Restores only one module (the trained model, to evaluate it), and nothing else, and drops its gradients. It must have been
    /// added under the name that it was saved under.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">The module's name.</param>
    /// <exception cref="InvalidDataException">As for <see cref="Load"/>.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidOperationException">A <see cref="ModelAverage"/> of the module, which has been added too, is in
    /// use.</exception>
    /// <exception cref="ArgumentException">The path is null or empty, or no module has been added under that name.</exception>
    /// <exception cref="ObjectDisposedException">The module has been disposed.</exception>
    public void LoadModule(string path, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(name);
        if (!modules.TryGetValue(name, out var added)) throw new ArgumentException($"no module has been added as '{name}'.", nameof(name));
        foreach (var average in states.Values.OfType<ModelAverage>()) average.RequireUnused(added.Module);
        using var scope = NewDisposeScope();
        using var unchanging = no_grad();
        var (saved, tensors) = CheckpointFile.Read(path);
        using var owned = tensors;

        var restore = new CheckpointRestore(path, saved, tensors);
        restore.CheckNames("module", [name], saved.Modules.Where(other => other == name));
        restore.Module(name, added.Module, added.Tensors);
        restore.Apply();
    }

    private void Save(string path, double? bestScore)
    {
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>();
        foreach (var (name, added) in modules)
        {
            foreach (var (key, value) in ModuleState.Of(added.Module, added.Tensors)) tensors.Add($"{name}.{key}", value);
            foreach (var sampled in added.Module.modules().OfType<SampledClasses>()) sampled.RequireStepped(name);
        }
        foreach (var (name, optimizer) in optimizers) AddTensors(name, optimizer, tensors);
        foreach (var (name, part) in states)
            foreach (var (key, value) in part.StateTensors) tensors.Add($"{name}.{key}", value);
        tensors.Add(RandomKey, get_rng_state());
        CheckpointFile.Write(path, new CheckpointText
        {
            Modules = [.. modules.Keys],
            Optimizers = optimizers.ToDictionary(part => part.Key, part => Describe(part.Value)),
            Schedules = schedules.ToDictionary(part => part.Key, part => part.Value.State),
            Samplers = samplers.ToDictionary(part => part.Key, part => SavedSampler.Of(part.Value)),
            States = states.ToDictionary(part => part.Key, part => part.Value.SaveState()),
            Numbers = Numbers,
            Histories = Histories,
            Notes = Notes,
            BestScore = bestScore,
        }, tensors, Space);
        unsaved.Restart();
    }

    private void Add<T>(Dictionary<string, T> parts, string name, T part)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        UnicodeText.Require(name, nameof(name));
        if (name.Contains('.', StringComparison.Ordinal))
            throw new ArgumentException($"name must have no dot, got '{name}'.", nameof(name));
        if (name == Random || modules.ContainsKey(name) || optimizers.ContainsKey(name) || schedules.ContainsKey(name)
            || samplers.ContainsKey(name) || states.ContainsKey(name))
            throw new ArgumentException($"name must be unique, '{name}' is taken.", nameof(name));
        parts.Add(name, part);
    }

    private static void AddTensors(string name, OptimizerHelper optimizer, Dictionary<string, Tensor> tensors)
    {
        var parameters = OptimizerStates.Of(optimizer);
        for (var i = 0; i < parameters.Count; i++)
            foreach (var slot in OptimizerStates.Tensors(parameters[i].State))
                if (slot.Get() is { } value) tensors.Add(string.Create(CultureInfo.InvariantCulture, $"{name}.{i}.{slot.Name}"), value);
    }

    private SavedOptimizer Describe(OptimizerHelper optimizer)
    {
        var parameters = OptimizerStates.Of(optimizer);
        return new SavedOptimizer(optimizer.GetType().Name, OptimizerStates.Settings(optimizer),
            [.. parameters.Select(entry => CheckpointRestore.Signature(entry.Parameter))], PlacesOf(optimizer),
            [.. parameters.Select(IReadOnlyList<double> (entry) => [.. OptimizerStates.Numbers(entry.State)
                .Select(number => number.Get())])]);
    }

    /// <summary>The group and the name of each parameter of an optimizer. An optimizer keeps its state by position, so only this tells
    /// whether a position still has the same parameter.</summary>
    private List<string> PlacesOf(OptimizerHelper optimizer)
    {
        var names = modules.OrderBy(part => part.Key, StringComparer.Ordinal)
            .SelectMany(part => part.Value.Module.named_parameters().Select(own => (own.parameter.Handle, Name: $"{part.Key}.{own.name}")))
            .ToLookup(own => own.Handle, own => own.Name);
        return [.. optimizer.ParamGroups.Cast<ParamGroup>().SelectMany((group, index) => group.Parameters.Select(parameter =>
            string.Create(CultureInfo.InvariantCulture, $"{names[parameter.Handle].FirstOrDefault("of no module")} (group {index})")))];
    }

    /// <summary>A module, and the number of tensors of its state when it was added. A disposed module has fewer.</summary>
    private sealed record AddedModule(nn.Module Module, int Tensors);
}
