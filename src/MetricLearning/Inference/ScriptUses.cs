namespace MetricLearning;

/// <summary>Tells which operations of a graph make and use a value.</summary>
internal sealed class ScriptUses
{
    private readonly string output;
    private readonly Dictionary<string, (ScriptKind Kind, int Place)> makers;
    private readonly ILookup<string, ScriptNode> users;

    /// <summary>Prepares for a graph.</summary>
    /// <param name="nodes">The operations that the output needs, each after its inputs.</param>
    /// <param name="output">The name of the output.</param>
    public ScriptUses(IReadOnlyList<ScriptNode> nodes, string output)
    {
        this.output = output;
        makers = nodes.Select((node, place) => KeyValuePair.Create(node.Output, (node.Kind, place))).ToDictionary(StringComparer.Ordinal);
        users = nodes.SelectMany(node => node.Inputs, (node, input) => (node, input))
            .ToLookup(use => use.input, use => use.node, StringComparer.Ordinal);
    }

    /// <summary>The operation that uses a value; null if there are several, or if the value is the output.</summary>
    public ScriptNode? OnlyUser(string name) =>
        name != output && users[name].Take(2).ToArray() is [var user] ? user : null;

    /// <summary>The kind of the operation that makes a value; null for the images and for weights.</summary>
    public ScriptKind? Maker(string name) => makers.TryGetValue(name, out var maker) ? maker.Kind : null;

    /// <summary>The sum that uses a value, and the other summand. Null if anything else uses the value, or if the other summand is
    /// computed later.</summary>
    public (ScriptNode Sum, string Other)? Sum(ScriptNode summand)
    {
        if (OnlyUser(summand.Output) is not { Kind: ScriptKind.Add } sum) return null;
        var other = sum.Inputs[0] == summand.Output ? sum.Inputs[1] : sum.Inputs[0];
        return !makers.TryGetValue(other, out var maker) || maker.Place < makers[summand.Output].Place ? (sum, other) : null;
    }
}
