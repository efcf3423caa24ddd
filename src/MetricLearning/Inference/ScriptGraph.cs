using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A network as operations of TorchScript with its weights.</summary>
/// <remarks>The graph owns its constants. The weights are the model's own.</remarks>
internal sealed class ScriptGraph(nn.Module model) : NetworkGraph(model), IDisposable
{
    /// <summary>The name of the images.</summary>
    public const string Images = "x";

    private readonly Dictionary<string, Tensor> weights = new(StringComparer.Ordinal);
    private readonly List<Tensor> constants = [];
    private readonly List<ScriptNode> nodes = [];

    /// <summary>The operations, each after those that it needs.</summary>
    public IReadOnlyList<ScriptNode> Nodes => nodes;

    /// <summary>The weights and constants by name.</summary>
    public IReadOnlyDictionary<string, Tensor> Weights => weights;

    public void Dispose()
    {
        foreach (var constant in constants) constant.Dispose();
    }

    public override GraphValue Constant(Tensor value)
    {
        using var scope = NewDisposeScope();
        var copy = value.detach().clone().DetachFromDisposeScope();
        constants.Add(copy);
        var name = Number($"/{constants.Count}");
        weights.Add(name, copy);
        return new(name, copy.shape);
    }

    public override GraphValue SideInformation() => throw Unsupported("it takes side information beside the images");

    public override GraphValue Convolution(GraphValue x, GraphValue weight, GraphValue? bias, IReadOnlyList<long> stride,
        IReadOnlyList<long> padding, IReadOnlyList<long> dilation, long groups)
    {
        long Windows(int axis) =>
            Shapes.Windows(x.Shape[2 + axis], weight.Shape[2 + axis], stride[axis], padding[axis], dilation[axis]);
        var text = $"{List(stride)}, {List(padding)}, {List(dilation)}, {Number($"{groups}")}";
        return Add(new(ScriptKind.Convolution, Next(), Names(bias is null ? [x, weight] : [x, weight, bias]),
                names => $"torch.conv2d({names[0]}, {names[1]}, {(names.Count > 2 ? names[2] : "None")}, {text})")
                { Convolution = new(stride, padding, dilation, groups, x.Shape) },
            [x.Shape[0], weight.Shape[0], Windows(0), Windows(1)]);
    }

    public override GraphValue BatchNorm(GraphValue x, GraphValue weight, GraphValue bias, GraphValue mean, GraphValue variance,
        double epsilon) => Add(new(ScriptKind.BatchNorm, Next(), Names([x, weight, bias, mean, variance]),
            names => $"torch.batch_norm({string.Join(", ", names)}, False, 0., {Real(epsilon)}, False)") { Epsilon = epsilon }, x.Shape);

    // Each channel is a group of its own. Unlike instance_norm, group_norm keeps the channels of a position side by side.
    public override GraphValue InstanceNorm(GraphValue x, GraphValue weight, GraphValue bias, double epsilon) =>
        Node(x.Shape, [x, weight, bias], names =>
            $"torch.group_norm({names[0]}, {Number($"{weight.Shape[0]}")}, {names[1]}, {names[2]}, {Real(epsilon)}, False)");

    public override GraphValue LayerNorm(GraphValue x, GraphValue weight, GraphValue bias, double epsilon) =>
        Node(x.Shape, [x, weight, bias], names =>
            $"torch.layer_norm({names[0]}, {List([x.Shape[^1]])}, {names[1]}, {names[2]}, {Real(epsilon)}, False)");

    public override GraphValue Linear(GraphValue x, GraphValue weight, GraphValue? bias) =>
        Add(new(ScriptKind.Linear, Next(), Names(bias is null ? [x, weight] : [x, weight, bias]),
                names => $"torch.linear({names[0]}, {names[1]}, {(names.Count > 2 ? names[2] : "None")})"),
            Shapes.With(x.Shape, x.Shape.Count - 1, weight.Shape[0]));

    public override GraphValue MatrixProduct(GraphValue x, GraphValue y) =>
        Node([.. Shapes.Broadcast([.. x.Shape.SkipLast(2)], [.. y.Shape.SkipLast(2)]), x.Shape[^2], y.Shape[^1]], [x, y], Call("matmul"));

    public override GraphValue Relu(GraphValue x) => Add(new(ScriptKind.Relu, Next(), Names([x]), Call("relu")), x.Shape);

    public override GraphValue Sigmoid(GraphValue x) => Node(x.Shape, [x], Call("sigmoid"));

    public override GraphValue Gelu(GraphValue x) => Node(x.Shape, [x], Call("gelu"));

    public override GraphValue Softmax(GraphValue x) => Node(x.Shape, [x], names => $"torch.softmax({names[0]}, -1)");

    public override GraphValue Clamp(GraphValue x, double? low, double? high) =>
        Node(x.Shape, [x], names => $"torch.clamp({names[0]}, {End(low)}, {End(high)})");

    public override GraphValue Power(GraphValue x, GraphValue y) => Binary("pow", x, y);

    // A summand that is broadcast must not be written over.
    public override GraphValue Add(GraphValue x, GraphValue y) =>
        Binary("add", x, y, x.Shape.SequenceEqual(y.Shape) ? ScriptKind.Add : ScriptKind.Other);

    public override GraphValue Subtract(GraphValue x, GraphValue y) => Binary("sub", x, y);

    public override GraphValue Multiply(GraphValue x, GraphValue y) => Binary("mul", x, y, ScriptKind.Multiply);

    public override GraphValue Divide(GraphValue x, GraphValue y) => Binary("div", x, y);

    public override GraphValue MaxPool(GraphValue x, IReadOnlyList<long> kernel, IReadOnlyList<long> stride, IReadOnlyList<long> padding,
        bool roundUp)
    {
        long Windows(int axis) =>
            Shapes.Windows(x.Shape[2 + axis], kernel[axis], stride[axis], padding[axis], roundUp: roundUp);
        var text = $"{List(kernel)}, {List(stride)}, {List(padding)}, [1, 1], {(roundUp ? "True" : "False")}";
        return Node([x.Shape[0], x.Shape[1], Windows(0), Windows(1)], [x], names => $"torch.max_pool2d({names[0]}, {text})");
    }

    public override GraphValue AveragePool(GraphValue x, IReadOnlyList<long> kernel, IReadOnlyList<long> stride)
    {
        long Windows(int axis) => Shapes.Windows(x.Shape[2 + axis], kernel[axis], stride[axis], padding: 0);
        var text = $"{List(kernel)}, {List(stride)}";
        return Node([x.Shape[0], x.Shape[1], Windows(0), Windows(1)], [x], names => $"torch.avg_pool2d({names[0]}, {text})");
    }

    public override GraphValue Mean(GraphValue x, IReadOnlyList<int> axes, bool keep = false) => Reduce("mean", x, axes, keep);

    public override GraphValue Maximum(GraphValue x, IReadOnlyList<int> axes, bool keep = false) => Reduce("amax", x, axes, keep);

    public override GraphValue Norm(GraphValue x, int axis) =>
        Node(Shapes.Reduce(x.Shape, [axis], keep: true), [x], names => $"torch.norm({names[0]}, 2, {List([axis])}, True)");

    public override GraphValue Transpose(GraphValue x, params IReadOnlyList<int> order) =>
        Node([.. order.Select(axis => x.Shape[axis])], [x],
            names => $"torch.permute({names[0]}, {List([.. order.Select(axis => (long)axis)])})");

    public override GraphValue Reshape(GraphValue x, params IReadOnlyList<long> shape) =>
        Node(Shapes.Reshape(x.Shape, shape), [x], names => $"torch.reshape({names[0]}, [{string.Join(", ",
            shape.Select((size, axis) => size == 0 ? Number($"torch.size({names[0]}, {axis})") : Number($"{size}")))}])");

    public override GraphValue Slice(GraphValue x, int axis, long start, long length) =>
        Node(Shapes.With(x.Shape, axis, length), [x], names => Number($"torch.narrow({names[0]}, {axis}, {start}, {length})"));

    public override GraphValue Concatenate(IReadOnlyList<GraphValue> values, int axis)
    {
        var sizes = values.Select(value => value.Shape[axis]).ToArray();
        var size = sizes.Contains(GraphValue.Unknown) ? GraphValue.Unknown : sizes.Sum();
        return Node(Shapes.With(values[0].Shape, axis, size), values, names => Number($"torch.cat([{string.Join(", ", names)}], {axis})"));
    }

    public override GraphValue Gather(GraphValue x, GraphValue indices, int axis) =>
        Node(Shapes.With(x.Shape, axis, indices.Shape[0]), [x, indices],
            names => Number($"torch.index_select({names[0]}, {axis}, {names[1]})"));

    public override GraphValue Repeat(GraphValue x, GraphValue like) =>
        Node(Shapes.With(x.Shape, 0, like.Shape[0]), [x, like], names =>
            $"torch.expand({names[0]}, [torch.size({names[1]}, 0){string.Concat(Enumerable.Repeat(", -1", x.Shape.Count - 1))}])");

    protected override GraphValue AddWeight(string name, Tensor value)
    {
        weights.TryAdd(name, value);
        return new(name, value.shape);
    }

    /// <summary>A list of whole numbers in TorchScript.</summary>
    public static string List(IReadOnlyList<long> values) =>
        $"[{string.Join(", ", values.Select(value => value.ToString(CultureInfo.InvariantCulture)))}]";

    private GraphValue Binary(string function, GraphValue x, GraphValue y, ScriptKind kind = ScriptKind.Other) =>
        Add(new(kind, Next(), Names([x, y]), Call(function)), Shapes.Broadcast(x.Shape, y.Shape));

    private GraphValue Reduce(string function, GraphValue x, IReadOnlyList<int> axes, bool keep) =>
        Node(Shapes.Reduce(x.Shape, axes, keep), [x], names =>
            $"torch.{function}({names[0]}, {List([.. axes.Select(axis => (long)axis)])}, {(keep ? "True" : "False")})");

    private GraphValue Node(IReadOnlyList<long> shape, IReadOnlyList<GraphValue> inputs, Func<IReadOnlyList<string>, string> write) =>
        Add(new(ScriptKind.Other, Next(), Names(inputs), write), shape);

    private GraphValue Add(ScriptNode node, IReadOnlyList<long> shape)
    {
        nodes.Add(node);
        return new(node.Output, shape);
    }

    private string Next() => Number($"v{nodes.Count}");

    private static string[] Names(IReadOnlyList<GraphValue> values) => [.. values.Select(value => value.Name)];

    private static Func<IReadOnlyList<string>, string> Call(string function) => names => $"torch.{function}({string.Join(", ", names)})";

    private static string End(double? value) => value is { } end ? Real(end) : "None";

    /// <summary>A number as TorchScript reads it, always with a point or an exponent.</summary>
    private static string Real(double value) => value.ToString("0.0################E+0", CultureInfo.InvariantCulture);

    private static string Number(FormattableString text) => FormattableString.Invariant(text);
}
