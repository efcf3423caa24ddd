using static TorchSharp.torch;

namespace MetricLearning.Onnx;

/// <summary>Rewrites a graph without changing its results.</summary>
internal static class GraphPasses
{
    /// <summary>The smallest number that half precision has with all its digits.</summary>
    private const float SmallestHalf = 6.103515625e-5f;

    /// <summary>Keeps only the nodes that the outputs need.</summary>
    public static List<OnnxNode> Needed(IReadOnlyList<OnnxNode> nodes, IEnumerable<string> outputs)
    {
        var needed = outputs.ToHashSet(StringComparer.Ordinal);
        var kept = new List<OnnxNode>();
        foreach (var node in nodes.Reverse())
            if (node.Outputs.Any(needed.Contains))
            {
                kept.Add(node);
                needed.UnionWith(node.Inputs);
            }
        kept.Reverse();
        return kept;
    }

    /// <summary>Renames outputs. If a value is an output under several names, or no node makes it, a node is added that copies
    /// it.</summary>
    public static List<OnnxNode> Named(IReadOnlyList<OnnxNode> nodes, IEnumerable<KeyValuePair<string, GraphValue>> outputs)
    {
        var made = nodes.SelectMany(node => node.Outputs).ToHashSet(StringComparer.Ordinal);
        var renamed = new Dictionary<string, string>(StringComparer.Ordinal);
        var copies = new List<OnnxNode>();
        foreach (var (name, value) in outputs)
            if (!made.Contains(value.Name) || !renamed.TryAdd(value.Name, name))
                copies.Add(new("Identity", [value.Name], [name], new Dictionary<string, object>()));
        return [.. nodes.Concat(copies).Select(node => node with { Inputs = Renamed(node.Inputs), Outputs = Renamed(node.Outputs) })];

        IReadOnlyList<string> Renamed(IReadOnlyList<string> names) => [.. names.Select(name => renamed.GetValueOrDefault(name, name))];
    }

    /// <summary>Folds batch norms into the convolution or linear layer directly before them: the factors and offsets become part of its
    /// weights. Changed weights have a new name.</summary>
    public static List<OnnxNode> Folded(IReadOnlyList<OnnxNode> nodes, Dictionary<string, Tensor> weights, IEnumerable<string> outputs)
    {
        var uses = nodes.SelectMany(node => node.Inputs).Concat(outputs).GroupBy(name => name, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);
        var result = new List<OnnxNode>();
        foreach (var node in nodes)
        {
            var before = node.Operator == "BatchNormalization" ? result.FindIndex(other => other.Outputs[0] == node.Inputs[0]) : -1;
            if (before >= 0 && result[before].Operator is "Conv" or "Gemm" && uses[node.Inputs[0]] == 1)
                result[before] = Fold(result[before], node, weights);
            else result.Add(node);
        }
        return result;
    }

    private static OnnxNode Fold(OnnxNode linear, OnnxNode norm, Dictionary<string, Tensor> weights)
    {
        using var scope = NewDisposeScope();
        Tensor Of(int input) => weights[norm.Inputs[input]].to(ScalarType.Float64);
        var factor = Of(1) / (Of(4) + S((float)norm.Attributes["epsilon"])).sqrt();
        var weight = weights[linear.Inputs[1]];
        var bias = linear.Inputs.Count > 2 ? weights[linear.Inputs[2]].to(ScalarType.Float64) : zeros_like(factor);
        var shape = weight.shape.Select((_, axis) => axis == 0 ? -1L : 1).ToArray();
        var (weightName, biasName) = ($"{norm.Outputs[0]}/weight", $"{norm.Outputs[0]}/bias");
        weights[weightName] = Single(weight.to(ScalarType.Float64) * factor.reshape(shape));
        weights[biasName] = Single(((bias - Of(3)) * factor).Plus(Of(2)));
        return linear with { Inputs = [linear.Inputs[0], weightName, biasName], Outputs = norm.Outputs };

        static Tensor Single(Tensor value) => value.to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>Converts weights with two or more axes to half precision, if their range fits. Nodes convert them back, so the network
    /// computes in float32. Constants, such as the means of the colors, stay as they are: they are few, and exact.</summary>
    public static List<OnnxNode> Halved(IReadOnlyList<OnnxNode> nodes, Dictionary<string, Tensor> weights)
    {
        var converted = new List<OnnxNode>();
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in nodes.SelectMany(node => node.Inputs).Distinct())
        {
            if (name.StartsWith(OnnxGraph.ConstantStart, StringComparison.Ordinal)) continue;
            if (!weights.TryGetValue(name, out var tensor) || tensor.dtype != ScalarType.Float32 || tensor.dim() < 2) continue;
            using var scope = NewDisposeScope();
            var half = tensor.to(ScalarType.Float16);
            if (!half.isfinite().all().item<bool>() || tensor.abs().max().item<float>() is > 0 and < SmallestHalf) continue;
            weights[name] = half.MoveToOuterDisposeScope();
            names.Add(name, $"{name}/float");
            converted.Add(new("Cast", [name], [names[name]],
                new Dictionary<string, object> { ["to"] = (long)OnnxTypes.Float }));
        }
        return [.. converted, .. nodes.Select(node => node with { Inputs = [.. node.Inputs.Select(name =>
            names.GetValueOrDefault(name, name))] })];
    }
}
