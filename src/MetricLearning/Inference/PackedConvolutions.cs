using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Replaces the convolutions of a graph with those of oneDNN. These take weights in the order in which the processor reads them,
/// and they add and clip their result before they write it.</summary>
/// <remarks>libtorch's own convolution brings the weights into that order in each call, which takes longer than the convolution
/// of one image.</remarks>
internal static class PackedConvolutions
{
    /// <summary>The end of the name of a packed weight.</summary>
    private const string Packed = "/packed";

    private const string NoNumbers = "annotate(List[Optional[number]], [])";

    private static readonly Lazy<bool> exist = new(() =>
    {
        using var scope = NewDisposeScope();
        try
        {
            Pack(zeros(1, 1, 1, 1), new([1, 1], [0, 0], [1, 1], 1, [1, 1, 1, 1]), batch: 1);
            return true;
        }
        catch (ExternalException)
        {
            return false;           // a libtorch without oneDNN does not know the operations
        }
    });

    /// <summary>Whether this libtorch has oneDNN's convolutions for a device and a type.</summary>
    public static bool Exist(DeviceType device, ScalarType type) =>
        device == DeviceType.CPU && type == ScalarType.Float32 && exist.Value;

    /// <summary>Whether a weight of a graph is packed. Its memory has an order that only oneDNN reads.</summary>
    public static bool IsPacked(string name) => name.EndsWith(Packed, StringComparison.Ordinal);

    /// <summary>Returns the graph with oneDNN's convolutions. The sizes of its maps must be known, because the order of the weights depends
    /// on them. It also depends on the number of images and on the number of threads that pack.</summary>
    /// <param name="nodes">The operations that the output needs, each after its inputs.</param>
    /// <param name="output">The name of the output.</param>
    /// <param name="weights">The weights by name. The packed ones are added, in the caller's dispose scope.</param>
    /// <param name="batch">The number of images for which weights are packed. Others take as long as without packing, or longer.</param>
    public static List<ScriptNode> In(IReadOnlyList<ScriptNode> nodes, string output, Dictionary<string, Tensor> weights, long batch)
    {
        var uses = new ScriptUses(nodes, output);
        var result = new List<ScriptNode>();
        var replaced = new HashSet<string>(StringComparer.Ordinal);      // the outputs of nodes that a convolution computes too
        foreach (var node in nodes)
        {
            if (replaced.Contains(node.Output)) continue;
            if (node.Convolution is not { } geometry || !CanPack(weights[node.Inputs[1]], geometry, batch))
            {
                result.Add(node);
                continue;
            }
            var packed = node.Inputs[1] + Packed;
            if (!weights.ContainsKey(packed)) weights.Add(packed, Pack(weights[node.Inputs[1]], geometry, batch));
            var (last, other) = uses.Sum(node) is var (sum, summand) ? (sum, summand) : (node, null);
            if (last != node) replaced.Add(last.Output);
            var clips = false;
            if (uses.OnlyUser(last.Output) is { Kind: ScriptKind.Relu } relu)
            {
                (last, clips) = (relu, true);
                replaced.Add(relu.Output);
            }
            result.Add(Fused([node.Inputs[0], packed, .. node.Inputs.Skip(2)], other, clips, geometry, last.Output));
        }
        return result;
    }

    private static ScriptNode Fused(string[] inputs, string? other, bool clips, ConvolutionGeometry geometry, string output)
    {
        var text = $"{ScriptGraph.List(geometry.Padding)}, {ScriptGraph.List(geometry.Stride)}, {ScriptGraph.List(geometry.Dilation)}, "
            + FormattableString.Invariant($"{geometry.Groups}");
        var (count, relu) = (inputs.Length, clips ? "\"relu\"" : null);
        string Layer(IReadOnlyList<string> names) => $"{names[1]}, {(count > 2 ? names[2] : "None")}, {text}";
        return other is null
            ? new(ScriptKind.Convolution, output, inputs,
                names => $"ops.mkldnn._convolution_pointwise({names[0]}, {Layer(names)}, {relu ?? "\"none\""}, {NoNumbers}, None)")
            : new(ScriptKind.Convolution, output, [.. inputs, other], names => "ops.mkldnn._convolution_pointwise("
                + $"{names[0]}, {names[count]}, {Layer(names)}, \"add\", None, {relu ?? "None"}, {NoNumbers}, None)");
    }

    /// <summary>Whether the maps of a batch have so few numbers that oneDNN can count them in 32 bits. It divides by a wrong number, which
    /// ends the process, if they have more.</summary>
    private static bool CanPack(Tensor weight, ConvolutionGeometry geometry, long batch)
    {
        var (channels, area) = (Math.Max(weight.size(0), geometry.Maps[1]), (double)geometry.Maps[2] * geometry.Maps[3]);
        return batch * channels * area <= int.MaxValue;
    }

    /// <summary>The weights in the processor's order, in the caller's dispose scope.</summary>
    private static Tensor Pack(Tensor weight, ConvolutionGeometry geometry, long batch)
    {
        var node = new ScriptNode(ScriptKind.Other, "packed", [ScriptGraph.Images], names => "ops.mkldnn._reorder_convolution_weight("
            + $"{names[0]}, {ScriptGraph.List(geometry.Padding)}, {ScriptGraph.List(geometry.Stride)}, "
            + FormattableString.Invariant($"{ScriptGraph.List(geometry.Dilation)}, {geometry.Groups}, ")
            + ScriptGraph.List([batch, .. geometry.Maps.Skip(1)]) + ")");
        using var script = jit.load(ScriptArchive.Of(ScriptText.Of([node], node.Output, [])));
        return (Tensor)script.forward(weight.detach(), Array.Empty<Tensor>());
    }
}
