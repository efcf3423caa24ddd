using System.Globalization;
using System.Text.Json.Nodes;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// A training run on disk: modules, optimizers, schedules, samplers, torch's random state and the user's own numbers, in one file. A run
/// that is killed and resumed from it ends with the same weights as one that was not.
/// </summary>
/// <remarks>
/// <para><b>Saving</b> is atomic: the file is written beside the old one, flushed to the disk and renamed, so a kill at any moment leaves
/// the old checkpoint or the new one. <b>Loading</b> reads and checks the whole file (format, version, lengths, SHA-256) and compares it
/// with the parts before it changes any of them: after an exception all are as they were.</para>
/// <para>The file is device-independent and a valid safetensors file: Python's <c>safetensors</c> opens it, and the tensors of the module
/// added as "model" are named <c>model.layer1.weight</c> and so on. Nothing in it is executed.</para>
/// <para>The random state is that of torch's CPU generator; TorchSharp gives no access to CUDA's, so dropout drawn on a GPU does not resume
/// to the bit.</para>
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
    private readonly Dictionary<string, nn.Module> modules = [];
    private readonly Dictionary<string, OptimizerHelper> optimizers = [];
    private readonly Dictionary<string, LearningRateSchedule> schedules = [];
    private readonly Dictionary<string, Sampler> samplers = [];

    /// <summary>The user's numbers: the epoch, the newest metrics. Saved, and replaced by loading.</summary>
    public IDictionary<string, double> Numbers { get; private set; } = new Dictionary<string, double>();

    /// <summary>The user's series: the loss of every epoch, say. Saved, and replaced by loading.</summary>
    public IDictionary<string, IReadOnlyList<double>> Histories { get; private set; } = new Dictionary<string, IReadOnlyList<double>>();

    /// <summary>The user's words: the recipe, the data set. Saved, and replaced by loading.</summary>
    public IDictionary<string, string> Notes { get; private set; } = new Dictionary<string, string>();

    /// <summary>The best score that <see cref="SaveLastAndBest"/> has seen; null before the first.</summary>
    public double? BestScore { get; private set; }

    /// <summary>Adds a model, or a loss with learned parts: its parameters and buffers.</summary>
    /// <param name="name">Unique in this checkpoint, without dots.</param>
    /// <param name="module">The module.</param>
    public void Add(string name, nn.Module module) => Add(modules, name, module);

    /// <summary>Adds an optimizer: its settings, and what it remembers of each parameter.</summary>
    /// <param name="name">Unique in this checkpoint, without dots.</param>
    /// <param name="optimizer">SGD, Adam, AdamW, NAdam, RAdam, Adamax, RMSProp, Adagrad, Adadelta, ASGD or Rprop.</param>
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

    /// <summary>Adds a learning-rate schedule: where it stands.</summary>
    /// <param name="name">Unique in this checkpoint, without dots.</param>
    /// <param name="schedule">The schedule.</param>
    public void Add(string name, LearningRateSchedule schedule) => Add(schedules, name, schedule);

    /// <summary>Adds a sampler: where it stands.</summary>
    /// <param name="name">Unique in this checkpoint, without dots.</param>
    /// <param name="sampler">The sampler.</param>
    public void Add(string name, Sampler sampler) => Add(samplers, name, sampler);

    /// <summary>Writes the present state of all parts, atomically. Missing folders are created.</summary>
    /// <param name="path">The file; it may exist.</param>
    /// <exception cref="IOException">The file cannot be written, the disk being full, say. The old one is as it was.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>();
        foreach (var (name, module) in modules)
            foreach (var (key, value) in module.state_dict()) tensors.Add($"{name}.{key}", value);
        var saved = new JsonObject
        {
            ["modules"] = new JsonArray([.. modules.Keys.Select(name => JsonValue.Create(name))]),
            ["optimizers"] = Object(optimizers, (name, optimizer) => Describe(name, optimizer, tensors)),
            ["schedules"] = Object(schedules, (_, schedule) => Describe(schedule)),
            ["samplers"] = Object(samplers, (_, sampler) => Describe(sampler)),
            ["numbers"] = Object(Numbers, (_, number) => Text(number)),
            ["histories"] = Object(Histories, (_, history) => new JsonArray([.. history.Select(Text)])),
            ["notes"] = Object(Notes, (_, note) => JsonValue.Create(note)),
            ["best"] = BestScore is { } best ? Text(best) : null,
        };
        tensors.Add($"{Random}.torch", get_rng_state());
        CheckpointFile.Write(path, saved.ToJsonString(), tensors);
    }

    /// <summary>Saves <see cref="LastFile"/>, and, where the score is better than all before it, <see cref="BestFile"/>.</summary>
    /// <param name="folder">The folder of both.</param>
    /// <param name="score">What training is judged by, for instance mAP. NaN is never the best.</param>
    /// <param name="lowerIsBetter">True for a loss.</param>
    /// <returns>True when this is the best so far.</returns>
    public bool SaveLastAndBest(string folder, double score, bool lowerIsBetter = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var better = !double.IsNaN(score) && (BestScore is not { } best || (lowerIsBetter ? score < best : score > best));
        if (better)
        {
            BestScore = score;
            Save(Path.Combine(folder, BestFile));
        }
        Save(Path.Combine(folder, LastFile));
        return better;
    }

    /// <summary>Restores all parts, torch's random state and the user's numbers.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">The file is truncated, damaged or of another kind or version, or does not fit the parts; the
    /// message says what is wrong, and nothing has changed.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public void Load(string path) => Restore(path, only: null);

    /// <summary>Restores only one module (the trained model, to evaluate it), and nothing else. It must have been added under the name that
    /// it was saved under.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">The module's name.</param>
    /// <exception cref="InvalidDataException">As for <see cref="Load"/>.</exception>
    /// <exception cref="ArgumentException">No module has been added under that name.</exception>
    public void LoadModule(string path, string name)
    {
        if (!modules.ContainsKey(name)) throw new ArgumentException($"no module has been added as '{name}'.", nameof(name));
        Restore(path, name);
    }

    private void Restore(string path, string? only)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var scope = NewDisposeScope();
        using var unchanging = no_grad();
        var (text, tensors) = CheckpointFile.Read(path);
        using var owned = tensors;
        var saved = JsonNode.Parse(text)!.AsObject();
        var changes = new List<Action>();
        if (only is null)
        {
            CheckNames("module", modules.Keys, saved["modules"]!.AsArray().Select(name => (string)name!));
            CheckNames("optimizer", optimizers.Keys, Names("optimizers"));
            CheckNames("schedule", schedules.Keys, Names("schedules"));
            CheckNames("sampler", samplers.Keys, Names("samplers"));
        }
        else CheckNames("module", [only], saved["modules"]!.AsArray().Select(name => (string)name!).Where(name => name == only));

        foreach (var (name, module) in modules.Where(module => only is null || module.Key == only)) Compare(name, module);
        if (only is null)
        {
            foreach (var (name, optimizer) in optimizers) CompareOptimizer(name, optimizer, saved["optimizers"]![name]!);
            foreach (var (name, sampler) in samplers) CompareSampler(name, sampler, saved["samplers"]![name]!);
            foreach (var (name, schedule) in schedules)
            {
                var state = saved["schedules"]![name]!;
                changes.Add(() => schedule.State = new ScheduleState((long)state["iteration"]!, (int)state["epoch"]!,
                    (long?)state["epochStart"]));
            }
            changes.Add(() =>
            {
                Numbers = Read("numbers", Number);
                Histories = Read("histories", history => (IReadOnlyList<double>)[.. history.AsArray().Select(number => Number(number!))]);
                Notes = Read("notes", note => (string)note!);
                BestScore = saved["best"] is { } best ? Number(best) : null;
                set_rng_state(tensors[$"{Random}.torch"]);
            });
        }
        foreach (var change in changes) change();

        IEnumerable<string> Names(string part) => saved[part]!.AsObject().Select(property => property.Key);

        Dictionary<string, T> Read<T>(string part, Func<JsonNode, T> convert) =>
            saved[part]!.AsObject().ToDictionary(property => property.Key, property => convert(property.Value!));

        Exception Unfit(string reason) => new InvalidDataException($"{path} does not fit: {reason}.");

        void CheckNames(string kind, IEnumerable<string> present, IEnumerable<string> inFile)
        {
            HashSet<string> here = [.. present], there = [.. inFile];
            if (here.Except(there).FirstOrDefault() is { } missing) throw Unfit($"it holds no {kind} '{missing}'");
            if (there.Except(here).FirstOrDefault() is { } extra) throw Unfit($"it holds the {kind} '{extra}', which has not been added");
        }

        void Compare(string name, nn.Module module)
        {
            var state = module.state_dict();
            foreach (var key in tensors.Keys.Where(key => key.StartsWith(name + ".", StringComparison.Ordinal)))
                if (!state.ContainsKey(key[(name.Length + 1)..])) throw Unfit($"it holds '{key}', which the module has not");
            foreach (var (key, target) in state)
            {
                if (!tensors.TryGetValue($"{name}.{key}", out var value)) throw Unfit($"the module's '{name}.{key}' is not in it");
                if (Signature(value) != Signature(target))
                    throw Unfit($"'{name}.{key}' is {Signature(value)} in it and {Signature(target)} in the module");
                changes.Add(() => target.copy_(value));
            }
        }

        void CompareOptimizer(string name, OptimizerHelper optimizer, JsonNode state)
        {
            var parameters = OptimizerStates.Of(optimizer);
            var described = state["parameters"]!.AsArray();
            if ((string)state["kind"]! != optimizer.GetType().Name)
                throw Unfit($"'{name}' is {(string)state["kind"]!} in it and {optimizer.GetType().Name} here");
            if (described.Count != parameters.Count) throw Unfit(string.Create(CultureInfo.InvariantCulture,
                $"'{name}' has {described.Count} parameters in it and {parameters.Count} here"));
            for (var i = 0; i < parameters.Count; i++)
                if ((string)described[i]! != Signature(parameters[i].Parameter)) throw Unfit(string.Create(CultureInfo.InvariantCulture,
                    $"parameter {i} of '{name}' is {(string)described[i]!} in it and {Signature(parameters[i].Parameter)} here"));
            string[] settings = [.. state["settings"]!.AsArray().Select(group => (string)group!)];
            if (!OptimizerStates.Settings(optimizer).Select(group => group.Length).SequenceEqual(settings.Select(group => group.Length)))
                throw Unfit($"the parameter groups of '{name}' are others here");
            changes.Add(() => OptimizerStates.SetSettings(optimizer, settings));
            for (var i = 0; i < parameters.Count; i++)
            {
                var (parameter, own) = parameters[i];
                var prefix = string.Create(CultureInfo.InvariantCulture, $"{name}.{i}.");
                foreach (var (number, value) in OptimizerStates.Numbers(own).Zip(state["numbers"]![i]!.AsArray()))
                    changes.Add(() => number.Set(Number(value!)));
                foreach (var slot in OptimizerStates.Tensors(own)) changes.Add(() =>
                {
                    slot.Get()?.Dispose();
                    slot.Set(tensors.TryGetValue(prefix + slot.Name, out var value) ? value.to(parameter.device).DetachFromDisposeScope()
                        : null);
                });
            }
        }

        void CompareSampler(string name, Sampler sampler, JsonNode state)
        {
            var epoch = (int)state["epoch"]!;
            string here = Identity(sampler, epoch), there = (string)state["identity"]!;
            if (here != there) throw Unfit($"'{name}' has {there} in it and {here} here");
            changes.Add(() => sampler.State = new SamplerState(epoch, (long)state["position"]!));
        }
    }

    private void Add<T>(Dictionary<string, T> parts, string name, T part)
    {
        ArgumentNullException.ThrowIfNull(part);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.Contains('.', StringComparison.Ordinal)) throw new ArgumentException($"name must have no dot, got '{name}'.",
            nameof(name));
        if (name == Random || modules.ContainsKey(name) || optimizers.ContainsKey(name) || schedules.ContainsKey(name)
            || samplers.ContainsKey(name))
            throw new ArgumentException($"name must be unique, '{name}' is taken.", nameof(name));
        parts.Add(name, part);
    }

    private static JsonObject Object<T>(IEnumerable<KeyValuePair<string, T>> parts, Func<string, T, JsonNode?> describe) =>
        new(parts.Select(part => KeyValuePair.Create(part.Key, describe(part.Key, part.Value))));

    private static JsonObject Describe(string name, OptimizerHelper optimizer, Dictionary<string, Tensor> tensors)
    {
        var parameters = OptimizerStates.Of(optimizer);
        for (var i = 0; i < parameters.Count; i++)
            foreach (var slot in OptimizerStates.Tensors(parameters[i].State))
                if (slot.Get() is { } value) tensors.Add(string.Create(CultureInfo.InvariantCulture, $"{name}.{i}.{slot.Name}"), value);
        return new JsonObject
        {
            ["kind"] = optimizer.GetType().Name,
            ["settings"] = new JsonArray([.. OptimizerStates.Settings(optimizer).Select(group => JsonValue.Create(group))]),
            ["parameters"] = new JsonArray([.. parameters.Select(entry => JsonValue.Create(Signature(entry.Parameter)))]),
            ["numbers"] = new JsonArray([.. parameters.Select(entry =>
                new JsonArray([.. OptimizerStates.Numbers(entry.State).Select(number => Text(number.Get()))]))]),
        };
    }

    private static JsonObject Describe(LearningRateSchedule schedule) => new()
    {
        ["iteration"] = schedule.State.Iteration,
        ["epoch"] = schedule.State.Epoch,
        ["epochStart"] = schedule.State.EpochStart,
    };

    private static JsonObject Describe(Sampler sampler) => new()
    {
        ["epoch"] = sampler.State.Epoch,
        ["position"] = sampler.State.Position,
        ["identity"] = Identity(sampler, sampler.State.Epoch),
    };

    /// <summary>What must agree so that a sampler goes on with the same batches.</summary>
    private static string Identity(Sampler sampler, int epoch) => string.Create(CultureInfo.InvariantCulture,
        $"seed {sampler.Seed}, batches of {sampler.BatchSize} and {sampler.CountIn(epoch)} indices in epoch {epoch}");

    private static string Signature(Tensor value) => $"{value.dtype} {Guard.Shape(value)}";

    private static JsonNode Text(double number) => JsonValue.Create(number.ToString("R", CultureInfo.InvariantCulture));

    private static double Number(JsonNode text) => double.Parse((string)text!, CultureInfo.InvariantCulture);
}
