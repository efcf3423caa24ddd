namespace MetricLearning.Onnx;

/// <summary>The first use of a weight by an operation of a network.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="Operator">The operation.</param>
/// <param name="Node">The position of the operation among those with weights; all weights of one operation have the same.</param>
/// <param name="Slot">The number of the operation's input.</param>
/// <param name="IsTransposed">Whether the operation uses it as [inputs, outputs].</param>
/// <param name="FollowsLayer">Whether the operation works directly on the output of a convolution or a linear layer.</param>
internal sealed record UsedWeight(string Name, string Operator, int Node, int Slot, bool IsTransposed, bool FollowsLayer);

/// <summary>Finds the order in which a network uses its weights. It goes back from the outputs and visits the inputs of each operation in
/// their order, so the result does not depend on how a file lists its operations.</summary>
internal static class WeightOrder
{
    /// <summary>The weights, each once.</summary>
    /// <param name="nodes">The operations.</param>
    /// <param name="outputs">The outputs.</param>
    /// <param name="isWeight">Whether a name is that of a tensor with one axis or more.</param>
    public static List<UsedWeight> Of(IReadOnlyList<OnnxNode> nodes, IEnumerable<string> outputs, Func<string, bool> isWeight)
    {
        var makers = new Dictionary<string, OnnxNode>(StringComparer.Ordinal);
        foreach (var node in nodes)
            foreach (var output in node.Outputs) makers.TryAdd(output, node);
        var order = new List<UsedWeight>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var place = 0;
        foreach (var node in Sorted(makers, outputs))
        {
            if (PassedOn(node) is not null) continue;     // the operation that uses its output counts as the user
            var followsLayer = node.Inputs.Count > 0 && IsLayer(node.Inputs[0]);
            for (var slot = 0; slot < node.Inputs.Count; slot++)
            {
                var (name, isTransposed) = Origin(node.Inputs[slot]);
                if (isWeight(name) && seen.Add(name))
                    order.Add(new(name, node.Operator, place, slot,
                        node.Operator == "Gemm" && slot == 1 ? (node.Attributes.GetValueOrDefault("transB") is not 1L) != isTransposed
                            : node.Operator == "MatMul" && slot == 1 && !isTransposed, followsLayer));
            }
            place++;
        }
        return order;

        (string Name, bool IsTransposed) Origin(string name)
        {
            var isTransposed = false;
            // A damaged file may have a cycle of such operations.
            for (var steps = 0; steps < 8 && !isWeight(name) && makers.TryGetValue(name, out var maker)
                && PassedOn(maker) is { } source; steps++)
                (name, isTransposed) = (source, isTransposed != (maker.Operator == "Transpose"));
            return (name, isTransposed);
        }

        // A linear layer may be a product and a sum with its bias.
        bool IsLayer(string name) => makers.GetValueOrDefault(name) is { } maker && (maker.Operator is "Conv" or "Gemm" or "MatMul"
            || (maker.Operator == "Add" && maker.Inputs.Any(input => isWeight(Origin(input).Name))
                && maker.Inputs.Any(input => makers.GetValueOrDefault(input)?.Operator == "MatMul")));

        string? PassedOn(OnnxNode node) =>
            node is { Operator: "Identity" or "Cast", Inputs: [var source, ..] } && IsFixed(source) ? source
            : node is { Operator: "Transpose", Inputs: [var turned, ..] } && node.Attributes.GetValueOrDefault("perm") is long[] and [1, 0]
                && IsFixed(turned) ? turned : null;

        bool IsFixed(string name) =>
            isWeight(name) || (makers.GetValueOrDefault(name) is { Operator: "Identity" or "Cast", Inputs: [var source, ..] }
                && isWeight(source));
    }

    /// <summary>The operations that the outputs need, in topological order.</summary>
    private static IEnumerable<OnnxNode> Sorted(Dictionary<string, OnnxNode> makers, IEnumerable<string> outputs)
    {
        // It does not recurse, because an untrusted file may have a chain of any length, or a cycle.
        var begun = new HashSet<OnnxNode>(ReferenceEqualityComparer.Instance);
        var waiting = new Stack<(OnnxNode Node, int Next)>();
        foreach (var output in outputs)
        {
            Begin(output);
            while (waiting.TryPop(out var step))
                if (step.Next < step.Node.Inputs.Count)
                {
                    waiting.Push((step.Node, step.Next + 1));
                    Begin(step.Node.Inputs[step.Next]);
                }
                else yield return step.Node;
        }

        void Begin(string name)
        {
            if (makers.TryGetValue(name, out var maker) && begun.Add(maker)) waiting.Push((maker, 0));
        }
    }
}
