using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning.Onnx;

/// <summary>Finds the weights of a network in a file that has the same operations but other names.</summary>
/// <remarks>If the exporter has folded a batch norm into its convolution, the file lacks the batch norm. Then the network's batch norm gets
/// values with which it only adds the bias of the file's convolution.</remarks>
internal static class WeightMatching
{
    /// <summary>Maps the network's names to the weights of the file. Weights that are left over keep the file's names.</summary>
    /// <param name="own">The network's weights in order, including constants.</param>
    /// <param name="shapeOf">The shape of one of the network's tensors.</param>
    /// <param name="isConstant">Whether one of the network's tensors is a constant and not a weight.</param>
    /// <param name="epsilonOf">The ε of the batch norm that has this weight.</param>
    /// <param name="theirs">The file's weights in order.</param>
    /// <param name="tensors">The file's tensors by name.</param>
    /// <exception cref="InvalidDataException">The operations differ; the message says where.</exception>
    public static Dictionary<string, Tensor> Match(IReadOnlyList<UsedWeight> own, Func<string, long[]> shapeOf,
        Func<string, bool> isConstant, Func<string, double> epsilonOf, IReadOnlyList<UsedWeight> theirs,
        IReadOnlyDictionary<string, Tensor> tensors)
    {
        var matched = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        // The operations that prepare images come before the first layer.
        var next = theirs.TakeWhile(weight => weight.Operator is "Sub" or "Div" or "Mul" or "Add").Count();
        for (var i = 0; i < own.Count; i++)
        {
            var (mine, other) = (own[i], next < theirs.Count ? theirs[next] : null);
            // A norm of the file that does not follow a layer is a later one, such as that of a neck.
            if (mine is { Operator: "BatchNormalization", Slot: 1, FollowsLayer: true }
                && other is not { Operator: "BatchNormalization", FollowsLayer: true })
            {
                // This is the bias that the network's own layer before the norm does not have.
                var bias = own[i - 1].Slot == 1 && next > 0 && other?.Node == theirs[next - 1].Node ? tensors[other.Name] : null;
                if (bias is not null && !shapeOf(mine.Name).SequenceEqual(bias.shape)) throw Different(mine, other!);
                var norm = own.Skip(i).TakeWhile(weight => weight.Node == mine.Node).ToArray();
                using var scope = NewDisposeScope();
                var shape = shapeOf(mine.Name);
                Keep(norm[0], ones(shape));
                Keep(norm[1], bias is null ? zeros(shape) : bias.to(ScalarType.Float32).clone());
                Keep(norm[2], zeros(shape));
                Keep(norm[3], full(shape, S(1 - epsilonOf(mine.Name))));
                if (bias is not null) next++;
                i += norm.Length - 1;
                continue;
            }
            if (other is null) break;
            var tensor = tensors[other.Name];
            if (mine.IsTransposed != other.IsTransposed && tensor.dim() == 2) tensor = tensor.t();
            if (!tensor.shape.SequenceEqual(shapeOf(mine.Name)) || IsNorm(mine) != IsNorm(other)) throw Different(mine, other);
            if (!isConstant(mine.Name)) matched.Add(mine.Name, tensor);
            next++;
        }
        foreach (var left in theirs.Skip(next)) matched.TryAdd(left.Name, tensors[left.Name]);
        return matched;

        void Keep(UsedWeight weight, Tensor value)
        {
            if (!isConstant(weight.Name)) matched.Add(weight.Name, value.MoveToOuterDisposeScope());
        }

        InvalidDataException Different(UsedWeight mine, UsedWeight other) => new(string.Create(CultureInfo.InvariantCulture,
            $"Its network differs from the model after {matched.Count} weights: the model has '{mine.Name}' ")
            + $"[{string.Join(", ", shapeOf(mine.Name))}] in {mine.Operator}, the file '{MessageText.Excerpt(other.Name)}' "
            + $"{Guard.Shape(tensors[other.Name])} in {MessageText.Excerpt(other.Operator)}.");
    }

    private static bool IsNorm(UsedWeight weight) => weight.Operator is "BatchNormalization" or "InstanceNormalization";
}
