using static TorchSharp.torch;

namespace MetricLearning.Onnx;

/// <summary>A network as ONNX nodes with their weights. It owns its tensors: constants, and views or copies of the parameters.</summary>
internal sealed class OnnxGraph : NetworkGraph, IDisposable
{
    /// <summary>The reserved names of inputs and outputs.</summary>
    public const string Images = "images", Side = "side", Output = "output";

    /// <summary>The prefix of the names of constants. No name of a weight begins with it.</summary>
    public const string ConstantStart = "/constant";

    private readonly HashSet<string> names = new(StringComparer.Ordinal) { Images, Side, Output, "embedding", "features", "logits" };
    private readonly Dictionary<string, GraphValue> weightValues = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor> weights = new(StringComparer.Ordinal);
    private readonly List<OnnxNode> nodes = [];
    private readonly List<OnnxInput> inputs = [];

    /// <summary>Begins a graph.</summary>
    /// <param name="model">The model.</param>
    /// <param name="images">The images that the network takes.</param>
    public OnnxGraph(nn.Module model, OnnxInput images) : base(model) => inputs.Add(images);

    /// <summary>The operations in topological order.</summary>
    public IReadOnlyList<OnnxNode> Nodes => nodes;

    /// <summary>The weights and constants by name.</summary>
    public IReadOnlyDictionary<string, Tensor> Weights => weights;

    /// <summary>The inputs: the images, and side information if a layer needs it.</summary>
    public IReadOnlyList<OnnxInput> Inputs => inputs;

    /// <summary>Normalizes images of bytes, [N, H, W, C]: <c>(value / 255 − mean) / deviation</c>, [N, C, H, W].</summary>
    public GraphValue Prepared(GraphValue images, IReadOnlyList<float> mean, IReadOnlyList<float> deviation)
    {
        using var scope = NewDisposeScope();
        var numbers = Node("Cast", images.Shape, [images], ("to", (long)OnnxTypes.Float));
        var planes = Transpose(Divide(numbers, Constant(255)), 0, 3, 1, 2);
        return Divide(Subtract(planes, Constant(Row(mean))), Constant(Row(deviation)));

        static Tensor Row(IReadOnlyList<float> values) => tensor(values.ToArray()).reshape(1, -1, 1, 1);
    }

    public void Dispose()
    {
        foreach (var weight in weights.Values) weight.Dispose();
    }

    public override GraphValue Constant(Tensor value)
    {
        var name = Unique(ConstantStart);
        Keep(name, () => value.detach().cpu().clone());
        return new(name, value.shape);
    }

    public override GraphValue SideInformation()
    {
        if (inputs.All(input => input.Name != Side)) inputs.Add(new(Side, OnnxTypes.Int64, [GraphValue.Unknown]));
        return new(Side, [GraphValue.Unknown]);
    }

    public override GraphValue Convolution(GraphValue x, GraphValue weight, GraphValue? bias, IReadOnlyList<long> stride,
        IReadOnlyList<long> padding, IReadOnlyList<long> dilation, long groups)
    {
        var kernel = weight.Shape.Skip(2).ToArray();
        long Windows(int axis) =>
            Shapes.Windows(x.Shape[2 + axis], kernel[axis], stride[axis], padding[axis], dilation[axis]);
        return Node("Conv", [x.Shape[0], weight.Shape[0], Windows(0), Windows(1)], bias is null ? [x, weight] : [x, weight, bias],
            ("dilations", Long(dilation)), ("group", groups), ("kernel_shape", kernel), ("pads", Long([.. padding, .. padding])),
            ("strides", Long(stride)));
    }

    public override GraphValue BatchNorm(GraphValue x, GraphValue weight, GraphValue bias, GraphValue mean, GraphValue variance,
        double epsilon) => Node("BatchNormalization", x.Shape, [x, weight, bias, mean, variance], ("epsilon", (float)epsilon));

    public override GraphValue InstanceNorm(GraphValue x, GraphValue weight, GraphValue bias, double epsilon) =>
        Node("InstanceNormalization", x.Shape, [x, weight, bias], ("epsilon", (float)epsilon));

    public override GraphValue LayerNorm(GraphValue x, GraphValue weight, GraphValue bias, double epsilon) =>
        Node("LayerNormalization", x.Shape, [x, weight, bias], ("axis", -1L), ("epsilon", (float)epsilon));

    public override GraphValue Linear(GraphValue x, GraphValue weight, GraphValue? bias)
    {
        var shape = Shapes.With(x.Shape, x.Shape.Count - 1, weight.Shape[0]);
        if (shape.Length == 2) return Node("Gemm", shape, bias is null ? [x, weight] : [x, weight, bias], ("transB", 1L));
        var product = Node("MatMul", shape, [x, Transpose(weight, 1, 0)]);
        return bias is null ? product : Add(product, bias);
    }

    public override GraphValue MatrixProduct(GraphValue x, GraphValue y) =>
        Node("MatMul", [.. Shapes.Broadcast([.. x.Shape.SkipLast(2)], [.. y.Shape.SkipLast(2)]), x.Shape[^2], y.Shape[^1]], [x, y]);

    public override GraphValue Relu(GraphValue x) => Node("Relu", x.Shape, [x]);

    public override GraphValue Sigmoid(GraphValue x) => Node("Sigmoid", x.Shape, [x]);

    public override GraphValue Gelu(GraphValue x)
    {
        var error = Node("Erf", x.Shape, [Divide(x, Constant(Math.Sqrt(2)))]);
        return Multiply(Multiply(x, Add(error, Constant(1))), Constant(0.5));
    }

    public override GraphValue Softmax(GraphValue x) => Node("Softmax", x.Shape, [x], ("axis", -1L));

    public override GraphValue Clamp(GraphValue x, double? low, double? high) => Node("Clip", x.Shape,
        high is { } most ? [x, low is { } bottom ? Constant(bottom) : null, Constant(most)]
            : low is { } least ? [x, Constant(least)] : [x]);

    public override GraphValue Power(GraphValue x, GraphValue y) => Binary("Pow", x, y);

    public override GraphValue Add(GraphValue x, GraphValue y) => Binary("Add", x, y);

    public override GraphValue Subtract(GraphValue x, GraphValue y) => Binary("Sub", x, y);

    public override GraphValue Multiply(GraphValue x, GraphValue y) => Binary("Mul", x, y);

    public override GraphValue Divide(GraphValue x, GraphValue y) => Binary("Div", x, y);

    public override GraphValue MaxPool(GraphValue x, IReadOnlyList<long> kernel, IReadOnlyList<long> stride, IReadOnlyList<long> padding,
        bool roundUp)
    {
        long Windows(int axis) =>
            Shapes.Windows(x.Shape[2 + axis], kernel[axis], stride[axis], padding[axis], roundUp: roundUp);
        return Node("MaxPool", [x.Shape[0], x.Shape[1], Windows(0), Windows(1)], [x], ("ceil_mode", roundUp ? 1L : 0),
            ("kernel_shape", Long(kernel)), ("pads", Long([.. padding, .. padding])), ("strides", Long(stride)));
    }

    public override GraphValue AveragePool(GraphValue x, IReadOnlyList<long> kernel, IReadOnlyList<long> stride)
    {
        long Windows(int axis) => Shapes.Windows(x.Shape[2 + axis], kernel[axis], stride[axis], padding: 0);
        return Node("AveragePool", [x.Shape[0], x.Shape[1], Windows(0), Windows(1)], [x], ("kernel_shape", Long(kernel)),
            ("strides", Long(stride)));
    }

    public override GraphValue Mean(GraphValue x, IReadOnlyList<int> axes, bool keep = false) => Reduce("ReduceMean", x, axes, keep);

    public override GraphValue Maximum(GraphValue x, IReadOnlyList<int> axes, bool keep = false) => Reduce("ReduceMax", x, axes, keep);

    public override GraphValue Norm(GraphValue x, int axis) => Reduce("ReduceL2", x, [axis], keep: true);

    public override GraphValue Transpose(GraphValue x, params IReadOnlyList<int> order) =>
        Node("Transpose", [.. order.Select(axis => x.Shape[axis])], [x], ("perm", order.Select(axis => (long)axis).ToArray()));

    public override GraphValue Reshape(GraphValue x, params IReadOnlyList<long> shape) =>
        Node("Reshape", Shapes.Reshape(x.Shape, shape), [x, Integers(shape)]);

    public override GraphValue Slice(GraphValue x, int axis, long start, long length) =>
        Node("Slice", Shapes.With(x.Shape, axis, length), [x, Integers([start]), Integers([start + length]), Integers([axis])]);

    public override GraphValue Concatenate(IReadOnlyList<GraphValue> values, int axis)
    {
        var sizes = values.Select(value => value.Shape[axis]).ToArray();
        var size = sizes.Contains(GraphValue.Unknown) ? GraphValue.Unknown : sizes.Sum();
        return Node("Concat", Shapes.With(values[0].Shape, axis, size), values, ("axis", (long)axis));
    }

    public override GraphValue Gather(GraphValue x, GraphValue indices, int axis) =>
        Node("Gather", Shapes.With(x.Shape, axis, indices.Shape[0]), [x, indices], ("axis", (long)axis));

    public override GraphValue Repeat(GraphValue x, GraphValue like)
    {
        var rows = Slice(Node("Shape", [like.Shape.Count], [like]), 0, 0, 1);
        var shape = Concatenate([rows, Integers([.. x.Shape.Skip(1)])], 0);
        return Node("Expand", Shapes.With(x.Shape, 0, like.Shape[0]), [x, shape]);
    }

    protected override GraphValue AddWeight(string name, Tensor value)
    {
        if (weightValues.TryGetValue(name, out var known)) return known;
        var unique = Unique(name);
        Keep(unique, () => value.detach().to(ScalarType.Float32).cpu());
        return weightValues[name] = new(unique, value.shape);
    }

    private void Keep(string name, Func<Tensor> make)
    {
        using var scope = NewDisposeScope();
        weights.Add(name, make().DetachFromDisposeScope());
    }

    private GraphValue Integers(IReadOnlyList<long> values)
    {
        using var scope = NewDisposeScope();
        return Constant(tensor(values.ToArray()));
    }

    private GraphValue Binary(string name, GraphValue x, GraphValue y) => Node(name, Shapes.Broadcast(x.Shape, y.Shape), [x, y]);

    private GraphValue Reduce(string name, GraphValue x, IReadOnlyList<int> axes, bool keep) =>
        Node(name, Shapes.Reduce(x.Shape, axes, keep), [x], ("axes", axes.Select(axis => (long)axis).ToArray()),
            ("keepdims", keep ? 1L : 0));

    private GraphValue Node(string name, IReadOnlyList<long> shape, IReadOnlyList<GraphValue?> from,
        params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var settings = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach (var (key, value) in attributes) settings.Add(key, value);
        var output = Unique(Path.Length == 0 ? name : $"{Path}/{name}");
        nodes.Add(new OnnxNode(name, [.. from.Select(value => value?.Name ?? "")], [output], settings));
        return new(output, shape);
    }

    private string Unique(string name)
    {
        var unique = name;
        for (var i = 2; !names.Add(unique); i++) unique = $"{name}_{i}";
        return unique;
    }

    private static long[] Long(IReadOnlyList<long> values) => [.. values];
}
