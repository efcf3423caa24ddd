namespace MetricLearning;

/// <summary>Writes the operations of a graph as lines of TorchScript. If libtorch has a function for two operations, one line computes
/// both. A result is written over its input if nothing else needs the input.</summary>
internal sealed class ScriptLines(IReadOnlyList<ScriptNode> nodes, string output)
{
    private readonly ScriptUses uses = new(nodes, output);

    /// <summary>The lines in order.</summary>
    /// <param name="expression">The expression of a name: a variable, or an element of the list of weights.</param>
    public IEnumerable<(string Name, string Expression)> Write(Func<string, string> expression)
    {
        var done = new HashSet<ScriptNode>(ReferenceEqualityComparer.Instance);     // nodes that an earlier line has computed
        foreach (var node in nodes)
        {
            if (done.Contains(node)) continue;
            string[] inputs = [.. node.Inputs.Select(expression)];
            if (node.Kind == ScriptKind.Multiply && uses.Sum(node) is var (sum, other))
            {
                done.Add(sum);
                yield return (sum.Output, $"torch.addcmul({expression(other)}, {inputs[0]}, {inputs[1]})");
            }
            else if (node.Kind == ScriptKind.Relu && IsFree(node.Inputs[0])) yield return (node.Output, $"torch.relu_({inputs[0]})");
            else yield return (node.Output, node.Write(inputs));
        }
    }

    /// <summary>Whether a value may be overwritten: it has one user, and it is not a view of another value.</summary>
    private bool IsFree(string name) => uses.OnlyUser(name) is not null
        && uses.Maker(name) is ScriptKind.Convolution or ScriptKind.Linear or ScriptKind.BatchNorm or ScriptKind.Add;
}
