using System.Text.Json;
using static TorchSharp.torch;

namespace MetricLearning.Conformance;

/// <summary>One reference case: a folder with case.json and the arrays it names.</summary>
public sealed class GoldenCase
{
    private readonly string folder;
    private readonly JsonElement root;

    /// <summary>Reads case.json of a folder.</summary>
    public GoldenCase(string folder)
    {
        this.folder = folder;
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "case.json")));
        root = document.RootElement.Clone();
    }

    public string Name => Field("name");
    public string Family => Field("family");
    public string Peer => Field("peer");
    public string Call => Field("call");
    public string Batch => root.TryGetProperty("batch", out var b) ? b.GetString()! : "";
    public JsonElement Params => root.GetProperty("params");
    public JsonElement Expected => root.GetProperty("expected");

    /// <summary>A parameter; null if it is absent or null.</summary>
    public JsonElement? Param(string name) => Value(Params, name);

    /// <summary>A parameter that is a number.</summary>
    public double Number(string name) => Params.GetProperty(name).GetDouble();

    /// <summary>Whether a parameter is true; false if it is absent.</summary>
    public bool Flag(string name) => Param(name) is { ValueKind: JsonValueKind.True };

    /// <summary>A parameter that is text; null if it is absent.</summary>
    public string? Text(string name) => Param(name)?.GetString();

    /// <summary>An expected number, or null. NaN and infinities are stored as text.</summary>
    public double? ExpectedNumber(string name) => Used(
        Value(Expected, name) is { ValueKind: JsonValueKind.Number } v ? v.GetDouble()
        : Value(Expected, name + "_repr")?.GetString() switch { "nan" => double.NaN, "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity, _ => default(double?) });

    /// <summary>The peer's exception, if it raises one.</summary>
    public string? Raises => Used(Value(Expected, "raises")?.ToString());

    /// <summary>Whether a check has read a result of the peer. A check that has read none has compared nothing.</summary>
    public bool IsCompared { get; private set; }

    public bool HasInput(string name) => root.GetProperty("inputs").TryGetProperty(name, out _);
    public bool HasOutput(string name) => root.GetProperty("outputs").TryGetProperty(name, out _);

    /// <summary>An input array.</summary>
    public Tensor Input(string name) => Array("inputs", name);

    /// <summary>An array that the peer computed.</summary>
    public Tensor Output(string name) => Used(Array("outputs", name));

    private T Used<T>(T result)
    {
        IsCompared |= result is not null;
        return result;
    }

    private Tensor Array(string group, string name) =>
        NumPyFile.Read(Path.Combine(folder, root.GetProperty(group).GetProperty(name).GetProperty("file").GetString()!));

    private string Field(string name) => root.GetProperty(name).GetString()!;

    private static JsonElement? Value(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var v) && v.ValueKind != JsonValueKind.Null ? v : null;

    public override string ToString() => $"{Family}/{Name}";
}
