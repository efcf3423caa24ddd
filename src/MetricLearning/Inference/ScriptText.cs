using System.Text;

namespace MetricLearning;

/// <summary>Writes a graph as a class of TorchScript that takes images and weights.</summary>
internal static class ScriptText
{
    /// <summary>The name of the class.</summary>
    public const string Class = "Network";

    /// <summary>The text.</summary>
    /// <param name="nodes">The operations that the output needs.</param>
    /// <param name="output">The name of the output.</param>
    /// <param name="weights">The names of the weights, in the order in which they are given.</param>
    public static string Of(IReadOnlyList<ScriptNode> nodes, string output, IReadOnlyList<string> weights)
    {
        var places = weights.Select((name, place) => (name, place))
            .ToDictionary(one => one.name, one => FormattableString.Invariant($"w[{one.place}]"), StringComparer.Ordinal);
        string Expression(string name) => places.GetValueOrDefault(name, name);
        var text = new StringBuilder("class ").Append(Class).Append("(Module):\n")
            .Append("  __parameters__ = []\n  __buffers__ = []\n  training : bool\n")
            .Append("  def forward(self: __torch__.").Append(Class)
            .Append($", {ScriptGraph.Images}: Tensor, w: List[Tensor]) -> Tensor:\n");
        foreach (var (name, expression) in new ScriptLines(nodes, output).Write(Expression))
            text.Append("    ").Append(name).Append(" = ").Append(expression).Append('\n');
        return text.Append("    return ").Append(Expression(output)).Append('\n').ToString();
    }
}
