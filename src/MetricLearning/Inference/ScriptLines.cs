namespace MetricLearning;

/// <summary>Writes the operations of a graph as lines of TorchScript. If libtorch has a function for two operations, one line computes
/// both. A result is written over its input if nothing else needs the input.</summary>
internal sealed class ScriptLines
{
    private readonly IReadOnlyList<ScriptNode> nodes;
    private readonly string output;
    private readonly Dictionary<string, (ScriptKind Kind, int Place)> makers;
    private readonly ILookup<string, ScriptNode> users;

    /// <summary>Prepares for a graph.</summary>
    /// <param name="nodes">The operations that the output needs, each after its inputs.</param>
    /// <param name="output">The name of the output.</param>
    public ScriptLines(IReadOnlyList<ScriptNode> nodes, string output)
    {
        (this.nodes, this.output) = (nodes, output);
        makers = nodes.Select((node, place) => KeyValuePair.Create(node.Output, (node.Kind, place))).ToDictionary(StringComparer.Ordinal);
        users = nodes.SelectMany(node => node.Inputs, (node, input) => (node, input))
            .ToLookup(use => use.input, use => use.node, StringComparer.Ordinal);
    }

    /// <summary>The lines in order.</summary>
    /// <param name="expression">The expression of a name: a variable, or an element of the list of weights.</param>
    public IEnumerable<(string Name, string Expression)> Write(Func<string, string> expression)
    {
        var done = new HashSet<ScriptNode>(ReferenceEqualityComparer.Instance);     // nodes that an earlier line has computed
        foreach (var node in nodes)
        {
            if (done.Contains(node)) continue;
            string[] inputs = [.. node.Inputs.Select(expression)];
            if (node.Kind == ScriptKind.Multiply && Summand(node) is var (sum, other))
            {
                done.Add(sum);
                yield return (sum.Output, $"torch.addcmul({expression(other)}, {inputs[0]}, {inputs[1]})");
            }
            else if (node.Kind == ScriptKind.Relu && IsFree(node.Inputs[0])) yield return (node.Output, $"torch.relu_({inputs[0]})");
            else yield return (node.Output, node.Write(inputs));
        }
    }

    /// <summary>The sum that uses a product, and the other summand. Null if anything else uses the product, or if the other summand is
    /// computed later.</summary>
    private (ScriptNode Sum, string Other)? Summand(ScriptNode product)
    {
        if (product.Output == output) return null;
        if (users[product.Output].Take(2).ToArray() is not [{ Kind: ScriptKind.Add } sum]) return null;
        var other = sum.Inputs[0] == product.Output ? sum.Inputs[1] : sum.Inputs[0];
        return !makers.TryGetValue(other, out var maker) || maker.Place < makers[product.Output].Place ? (sum, other) : null;
    }

    /// <summary>Whether a value may be overwritten: it has one user, and it is not a view of another value.</summary>
    private bool IsFree(string name) => name != output && users[name].Take(2).Count() == 1 && makers.TryGetValue(name, out var maker)
        && maker.Kind is ScriptKind.Convolution or ScriptKind.Linear or ScriptKind.BatchNorm or ScriptKind.Add;
}
