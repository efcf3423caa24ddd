using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MetricLearning;

/// <summary>The text of a <see cref="TrainingCheckpoint"/>: everything but the tensors. As JSON, numbers are texts, because JSON has no NaN
/// and no infinities.</summary>
internal sealed record CheckpointText
{
    public required IReadOnlyList<string> Modules { get; init; }
    public required IReadOnlyDictionary<string, SavedOptimizer> Optimizers { get; init; }
    public required IReadOnlyDictionary<string, ScheduleState> Schedules { get; init; }
    public required IReadOnlyDictionary<string, SavedSampler> Samplers { get; init; }
    public required IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> States { get; init; }
    public required IDictionary<string, double> Numbers { get; init; }
    public required IDictionary<string, IReadOnlyList<double>> Histories { get; init; }
    public required IDictionary<string, string> Notes { get; init; }
    public required double? BestScore { get; init; }

    /// <summary>The text as it is written.</summary>
    /// <exception cref="ArgumentException">A history or a note of the user's is null, or a note or a name has half of a surrogate
    /// pair.</exception>
    public string ToJson() => new JsonObject
    {
        ["modules"] = Array(Modules, name => JsonValue.Create(name)),
        ["optimizers"] = Object(Optimizers, nameof(Optimizers), Describe),
        ["schedules"] = Object(Schedules, nameof(Schedules), Describe),
        ["samplers"] = Object(Samplers, nameof(Samplers), Describe),
        ["states"] = Object(States, nameof(States), state => Object(state, nameof(ITrainingState.SaveState), Text)),
        ["numbers"] = Object(Numbers, nameof(Numbers), Text),
        ["histories"] = Object(Histories, nameof(Histories), history => Array(Given(history, nameof(Histories)), Text)),
        ["notes"] = Object(Notes, nameof(Notes), note => JsonValue.Create(UnicodeText.Require(Given(note, nameof(Notes)), nameof(Notes)))),
        ["best"] = BestScore is { } best ? Text(best) : null,
    }.ToJsonString();

    /// <summary>Reads a text that <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="FormatException">The text is not such a text.</exception>
    public static CheckpointText Parse(string json)
    {
        try
        {
            var root = Present(JsonNode.Parse(json));
            return new CheckpointText
            {
                Modules = List(Member(root, "modules"), Word),
                Optimizers = Map(Member(root, "optimizers"), Optimizer),
                Schedules = Map(Member(root, "schedules"), Schedule),
                Samplers = Map(Member(root, "samplers"), Sampler),
                // Files of earlier versions have none.
                States = root["states"] is { } states ? Map(states, IReadOnlyDictionary<string, double> (state) => Map(state, Number))
                    : new Dictionary<string, IReadOnlyDictionary<string, double>>(),
                Numbers = Map(Member(root, "numbers"), Number),
                Histories = Map(Member(root, "histories"), IReadOnlyList<double> (history) => List(history, Number)),
                Notes = Map(Member(root, "notes"), Word),
                BestScore = root["best"] is { } best ? Number(best) : null,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException or OverflowException)
        {
            throw new FormatException($"its state cannot be read ({e.Message})", e);
        }
    }

    private static JsonObject Describe(SavedOptimizer optimizer) => new()
    {
        ["kind"] = optimizer.Kind,
        ["settings"] = Array(optimizer.Settings, group => JsonValue.Create(Convert.ToBase64String(group))),
        ["parameters"] = Array(optimizer.Parameters, parameter => JsonValue.Create(parameter)),
        ["places"] = Array(optimizer.Places, place => JsonValue.Create(place)),
        ["numbers"] = Array(optimizer.Numbers, numbers => Array(numbers, Text)),
    };

    private static SavedOptimizer Optimizer(JsonNode node) => new(Word(Member(node, "kind")),
        List(Member(node, "settings"), group => Convert.FromBase64String(Word(group))),
        List(Member(node, "parameters"), Word),
        // Files of earlier versions have none.
        node["places"] is { } places ? List(places, Word) : [],
        List(Member(node, "numbers"), IReadOnlyList<double> (numbers) => List(numbers, Number)));

    private static JsonObject Describe(ScheduleState schedule) => new()
    {
        ["iteration"] = schedule.Iteration,
        ["epoch"] = schedule.Epoch,
        ["epochStart"] = schedule.EpochStart,
    };

    private static ScheduleState Schedule(JsonNode node) =>
        new((long)Member(node, "iteration"), (int)Member(node, "epoch"), (long?)node["epochStart"]);

    private static JsonObject Describe(SavedSampler sampler) => new()
    {
        ["epoch"] = sampler.State.Epoch,
        ["position"] = sampler.State.Position,
        ["identity"] = sampler.Identity,
        ["digest"] = sampler.Digest,
        ["numbers"] = sampler.Numbers is { } numbers ? Array(numbers, number => JsonValue.Create(number)) : null,
    };

    private static SavedSampler Sampler(JsonNode node) =>
        new(new SamplerState((int)Member(node, "epoch"), (long)Member(node, "position")), Word(Member(node, "identity")),
            // Files of earlier versions have no digest and no numbers.
            (string?)node["digest"], node["numbers"] is { } numbers ? List(numbers, number => (int)number) : null);

    /// <summary>JSON would replace half of a surrogate pair, and two names could become one.</summary>
    private static JsonObject Object<T>(IEnumerable<KeyValuePair<string, T>> entries, string setting, Func<T, JsonNode?> describe) =>
        new(entries.Select(entry => KeyValuePair.Create(UnicodeText.Require(entry.Key, setting), describe(entry.Value))));

    private static JsonArray Array<T>(IEnumerable<T> items, Func<T, JsonNode?> describe) => new([.. items.Select(describe)]);

    private static JsonNode Text(double number) => JsonValue.Create(number.ToString("R", CultureInfo.InvariantCulture));

    private static T Given<T>(T? value, string setting) where T : class =>
        value ?? throw new ArgumentException($"{setting} must hold no null.");

    private static Dictionary<string, T> Map<T>(JsonNode node, Func<JsonNode, T> convert) =>
        node.AsObject().ToDictionary(entry => entry.Key, entry => convert(Present(entry.Value)));

    private static List<T> List<T>(JsonNode node, Func<JsonNode, T> convert) =>
        [.. node.AsArray().Select(item => convert(Present(item)))];

    private static JsonNode Member(JsonNode node, string name) => node[name] ?? throw new FormatException($"its state has no '{name}'");

    private static JsonNode Present(JsonNode? node) => node ?? throw new FormatException("its state lacks a value");

    private static string Word(JsonNode node) => (string)node!;

    private static double Number(JsonNode node) => double.Parse(Word(node), CultureInfo.InvariantCulture);
}

/// <summary>The entry of an optimizer in a checkpoint.</summary>
/// <param name="Kind">The name of its class.</param>
/// <param name="Settings">The settings of each parameter group, as TorchSharp writes them.</param>
/// <param name="Parameters">The type and shape of each parameter.</param>
/// <param name="Places">The group and the name of each parameter; empty if the file has none.</param>
/// <param name="Numbers">The numbers that it keeps for each parameter.</param>
internal sealed record SavedOptimizer(string Kind, IReadOnlyList<byte[]> Settings, IReadOnlyList<string> Parameters,
    IReadOnlyList<string> Places, IReadOnlyList<IReadOnlyList<double>> Numbers);

/// <summary>The entry of a sampler in a checkpoint.</summary>
/// <param name="State">Its position.</param>
/// <param name="Identity">The properties that must agree for a sampler to continue with the same batches, for messages.</param>
/// <param name="Digest">The digest of the current epoch, which must agree too; null if the file has none.</param>
/// <param name="Numbers">The sampler's <see cref="Sampler.OwnNumbers"/>.</param>
internal sealed record SavedSampler(SamplerState State, string Identity, string? Digest, IReadOnlyList<int>? Numbers)
{
    public static SavedSampler Of(Sampler sampler)
    {
        var (state, numbers) = (sampler.State, sampler.OwnNumbers);
        return new(state, IdentityOf(sampler, state.Epoch), sampler.DigestOf(state.Epoch, numbers), numbers);
    }

    public static string IdentityOf(Sampler sampler, int epoch) => string.Create(CultureInfo.InvariantCulture,
        $"seed {sampler.Seed}, batches of {sampler.BatchSize} and {sampler.CountIn(epoch)} indices in epoch {epoch}");
}
