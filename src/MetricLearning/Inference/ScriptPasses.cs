using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Changes of a graph that make it faster. The result changes only by rounding.</summary>
internal static class ScriptPasses
{
    /// <summary>The nodes that an output needs.</summary>
    public static List<ScriptNode> Needed(IReadOnlyList<ScriptNode> nodes, string output)
    {
        var needed = new HashSet<string>(StringComparer.Ordinal) { output };
        var kept = new List<ScriptNode>();
        foreach (var node in nodes.Reverse())
            if (needed.Contains(node.Output))
            {
                kept.Add(node);
                needed.UnionWith(node.Inputs);
            }
        kept.Reverse();
        return kept;
    }

    /// <summary>Removes each batch norm that directly follows a convolution or a linear layer, and puts its factor and offset into the
    /// weights of that layer. The new weights are added to the others, in the caller's dispose scope.</summary>
    public static List<ScriptNode> Folded(IReadOnlyList<ScriptNode> nodes, string output, Dictionary<string, Tensor> weights)
    {
        var uses = Uses(nodes, output);
        var result = new List<ScriptNode>();
        foreach (var node in nodes)
        {
            var before = node.Kind == ScriptKind.BatchNorm ? result.FindIndex(other => other.Output == node.Inputs[0]) : -1;
            if (before >= 0 && result[before].Kind is ScriptKind.Convolution or ScriptKind.Linear && uses[node.Inputs[0]] == 1)
                result[before] = Fold(result[before], node, weights);
            else result.Add(node);
        }
        return result;
    }

    /// <summary>Counts the uses of each name.</summary>
    private static Dictionary<string, int> Uses(IReadOnlyList<ScriptNode> nodes, string output) =>
        nodes.SelectMany(node => node.Inputs).Append(output).GroupBy(name => name, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);

    private static ScriptNode Fold(ScriptNode linear, ScriptNode norm, Dictionary<string, Tensor> weights)
    {
        using var scope = NewDisposeScope();
        Tensor Of(string name) => weights[name].detach().to(ScalarType.Float64);
        var factor = Of(norm.Inputs[1]) / (Of(norm.Inputs[4]) + S(norm.Epsilon)).sqrt();
        var weight = weights[linear.Inputs[1]];
        var bias = linear.Inputs.Count > 2 ? Of(linear.Inputs[2]) : zeros_like(factor);
        var shape = weight.shape.Select((_, axis) => axis == 0 ? -1L : 1).ToArray();
        var (weightName, biasName) = ($"{norm.Output}/weight", $"{norm.Output}/bias");
        weights.Add(weightName, Kept(Of(linear.Inputs[1]) * factor.reshape(shape)));
        weights.Add(biasName, Kept(((bias - Of(norm.Inputs[3])) * factor).Plus(Of(norm.Inputs[2]))));
        return linear with { Inputs = [linear.Inputs[0], weightName, biasName], Output = norm.Output };

        Tensor Kept(Tensor value) => value.to(weight.dtype).MoveToOuterDisposeScope();
    }
}
