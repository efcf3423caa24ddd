using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A network as a graph of operations. Layers add the operations of their evaluation mode; a subclass turns the graph into a
/// format, such as ONNX.</summary>
/// <remarks>
/// <para>Operations take and return <see cref="GraphValue"/>s. They mean the same as TorchSharp's functions on tensors, and broadcast
/// operands of different shapes in the same way. A size that is known only when the network runs is
/// <see cref="GraphValue.Unknown"/>.</para>
/// <para>Thread safety: one thread at a time.</para>
/// </remarks>
public abstract class NetworkGraph
{
    private readonly Dictionary<nn.Module, string> paths = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, Tensor> state;
    private readonly Type model;
    private Type current;

    /// <summary>Begins an empty graph.</summary>
    /// <param name="model">The model whose layers write into the graph. Its weights are read while they do.</param>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    protected NetworkGraph(nn.Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Guard.InUse(model);
        this.model = model.GetType();
        current = this.model;
        paths.Add(model, "");
        foreach (var (name, module) in model.named_modules()) paths.TryAdd(module, name);
        state = model.state_dict();
    }

    /// <summary>The dotted name of the layer that is being described; empty for the model itself.</summary>
    protected string Path { get; private set; } = "";

    /// <summary>Writes the operations of a layer: one of TorchSharp's, or an <see cref="IGraphLayer"/>.</summary>
    /// <param name="layer">A layer of the model.</param>
    /// <param name="input">The input of the layer.</param>
    /// <returns>The output of the layer.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="NotSupportedException">The layer, or one in it, has no description; the message names it.</exception>
    public GraphValue Run(nn.Module layer, GraphValue input)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(input);
        var outer = (Path, current);
        (Path, current) = (paths.GetValueOrDefault(layer, $"{Path}.{layer.GetName()}"), layer.GetType());
        var output = layer is IGraphLayer own ? own.Describe(this, input) : StandardLayers.Describe(this, layer, input);
        (Path, current) = outer;
        return output;
    }

    /// <summary>A parameter or buffer of a layer.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="name">The name within the layer, such as <c>weight</c>.</param>
    /// <exception cref="ArgumentException">The model has no such weight.</exception>
    public GraphValue Weight(nn.Module layer, string name) => FindWeight(layer, name) ?? throw new ArgumentException(
        $"name must be a parameter or buffer of the layer, got '{name}' for '{paths.GetValueOrDefault(layer, layer.GetName())}'.",
        nameof(name));

    /// <summary>A parameter or buffer of a layer; null if the layer has none of that name.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="name">The name within the layer, such as <c>bias</c>.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public GraphValue? FindWeight(nn.Module layer, string name)
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(name);
        if (!paths.TryGetValue(layer, out var path)) return null;
        var whole = path.Length == 0 ? name : $"{path}.{name}";
        return state.TryGetValue(whole, out var value) ? AddWeight(whole, value) : null;
    }

    /// <summary>A size of a value that must be known when the graph is created.</summary>
    /// <param name="value">The value.</param>
    /// <param name="axis">The axis.</param>
    /// <exception cref="NotSupportedException">The size is not known, because the graph takes images of any size.</exception>
    public long Size(GraphValue value, int axis)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value.Shape[axis] is var size && size != GraphValue.Unknown ? size
            : throw Unsupported("it needs images of one size: give the height and the width");
    }

    /// <summary>The error for a layer that cannot be described; it names the layer by its path.</summary>
    /// <param name="reason">The reason, worded as the rest of a sentence.</param>
    public NotSupportedException Unsupported(string reason)
    {
        var part = Path.Length == 0 ? "as a whole" : $"because of its layer '{Path}' ({current.Name})";
        return new($"{model.Name} cannot become a graph {part}: {reason}.");
    }

    /// <summary>Each row scaled to length 1 along an axis: <c>x / max(‖x‖₂, ε)</c>.</summary>
    /// <param name="x">The value.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="epsilon">ε.</param>
    public GraphValue Normalize(GraphValue x, int axis, double epsilon) => Divide(x, Clamp(Norm(x, axis), epsilon, null));

    /// <summary>The entries at one index of an axis. The result no longer has this axis.</summary>
    /// <param name="x">The value; its first axis is the batch.</param>
    /// <param name="axis">The axis, 1 or more.</param>
    /// <param name="index">The index.</param>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public GraphValue Select(GraphValue x, int axis, long index)
    {
        ArgumentNullException.ThrowIfNull(x);
        var slice = Slice(x, axis, index, 1);
        return Reshape(slice, [.. slice.Shape.Select((size, i) => i == 0 ? 0 : size).Where((_, i) => i != axis)]);
    }

    /// <summary>A number as a float32 constant.</summary>
    /// <param name="value">The number.</param>
    public GraphValue Constant(double value)
    {
        using var scope = NewDisposeScope();
        return Constant(tensor(new[] { (float)value }).squeeze(0));
    }

    /// <summary>A parameter or buffer of the model under its whole name; the same value for each call with the same name.</summary>
    /// <param name="name">The dotted name, as in <c>state_dict()</c>.</param>
    /// <param name="value">The tensor, which the model owns.</param>
    protected abstract GraphValue AddWeight(string name, Tensor value);

    /// <summary>Adds a tensor that is not a weight of the model.</summary>
    /// <param name="value">The tensor, float32 or int64; it is copied.</param>
    public abstract GraphValue Constant(Tensor value);

    /// <summary>A second input of the network: each image's side information (its camera or view), int64 [N].</summary>
    public abstract GraphValue SideInformation();

    /// <summary>A convolution over height and width.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="weight">[outputs, C / groups, height, width].</param>
    /// <param name="bias">[outputs], or null.</param>
    /// <param name="stride">The steps down and right.</param>
    /// <param name="padding">The rows of zeros above and below, and the columns of zeros on the left and right.</param>
    /// <param name="dilation">The distances of the kernel's rows and columns.</param>
    /// <param name="groups">The number of groups of channels.</param>
    public abstract GraphValue Convolution(GraphValue x, GraphValue weight, GraphValue? bias, IReadOnlyList<long> stride,
        IReadOnlyList<long> padding, IReadOnlyList<long> dilation, long groups);

    /// <summary>Batch norm by its running statistics: <c>(x − mean) / √(variance + ε) · weight + bias</c> in each channel.</summary>
    /// <param name="x">[N, C] or [N, C, H, W].</param>
    /// <param name="weight">[C].</param>
    /// <param name="bias">[C].</param>
    /// <param name="mean">[C].</param>
    /// <param name="variance">[C].</param>
    /// <param name="epsilon">ε.</param>
    public abstract GraphValue BatchNorm(GraphValue x, GraphValue weight, GraphValue bias, GraphValue mean, GraphValue variance,
        double epsilon);

    /// <summary>Instance norm by the statistics of each channel of each image.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="weight">[C].</param>
    /// <param name="bias">[C].</param>
    /// <param name="epsilon">ε.</param>
    public abstract GraphValue InstanceNorm(GraphValue x, GraphValue weight, GraphValue bias, double epsilon);

    /// <summary>Layer norm over the last axis.</summary>
    /// <param name="x">[..., D].</param>
    /// <param name="weight">[D].</param>
    /// <param name="bias">[D].</param>
    /// <param name="epsilon">ε.</param>
    public abstract GraphValue LayerNorm(GraphValue x, GraphValue weight, GraphValue bias, double epsilon);

    /// <summary>A linear layer: <c>x weightᵀ + bias</c>.</summary>
    /// <param name="x">[N, D] or [N, T, D].</param>
    /// <param name="weight">[E, D].</param>
    /// <param name="bias">[E], or null.</param>
    public abstract GraphValue Linear(GraphValue x, GraphValue weight, GraphValue? bias);

    /// <summary>The matrix product over the last two axes.</summary>
    /// <param name="x">[..., n, k].</param>
    /// <param name="y">[..., k, m], with as many axes.</param>
    public abstract GraphValue MatrixProduct(GraphValue x, GraphValue y);

    /// <summary><c>max(x, 0)</c>.</summary>
    /// <param name="x">The value.</param>
    public abstract GraphValue Relu(GraphValue x);

    /// <summary><c>1 / (1 + exp(−x))</c>.</summary>
    /// <param name="x">The value.</param>
    public abstract GraphValue Sigmoid(GraphValue x);

    /// <summary><c>x / 2 · (1 + erf(x / √2))</c>.</summary>
    /// <param name="x">The value.</param>
    public abstract GraphValue Gelu(GraphValue x);

    /// <summary>Softmax over the last axis.</summary>
    /// <param name="x">The value.</param>
    public abstract GraphValue Softmax(GraphValue x);

    /// <summary>Clamps values to an interval: a value outside becomes the nearest end.</summary>
    /// <param name="x">The value.</param>
    /// <param name="low">The lower end; null for none.</param>
    /// <param name="high">The upper end; null for none.</param>
    public abstract GraphValue Clamp(GraphValue x, double? low, double? high);

    /// <summary>x to the power of y.</summary>
    /// <param name="x">The value.</param>
    /// <param name="y">The exponent.</param>
    public abstract GraphValue Power(GraphValue x, GraphValue y);

    /// <summary><c>x + y</c>.</summary>
    /// <param name="x">The first value.</param>
    /// <param name="y">The second value.</param>
    public abstract GraphValue Add(GraphValue x, GraphValue y);

    /// <summary><c>x − y</c>.</summary>
    /// <param name="x">The first value.</param>
    /// <param name="y">The second value.</param>
    public abstract GraphValue Subtract(GraphValue x, GraphValue y);

    /// <summary><c>x · y</c>, element by element.</summary>
    /// <param name="x">The first value.</param>
    /// <param name="y">The second value.</param>
    public abstract GraphValue Multiply(GraphValue x, GraphValue y);

    /// <summary><c>x / y</c>, element by element.</summary>
    /// <param name="x">The dividend.</param>
    /// <param name="y">The divisor.</param>
    public abstract GraphValue Divide(GraphValue x, GraphValue y);

    /// <summary>The largest value of each window.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="kernel">The window's height and width.</param>
    /// <param name="stride">The steps down and right.</param>
    /// <param name="padding">The rows added above and below, and the columns added on the left and right. Padding is never the largest
    /// value.</param>
    /// <param name="roundUp">Whether the output's size is rounded up.</param>
    public abstract GraphValue MaxPool(GraphValue x, IReadOnlyList<long> kernel, IReadOnlyList<long> stride, IReadOnlyList<long> padding,
        bool roundUp);

    /// <summary>The mean of each window.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="kernel">The window's height and width.</param>
    /// <param name="stride">The steps down and right.</param>
    public abstract GraphValue AveragePool(GraphValue x, IReadOnlyList<long> kernel, IReadOnlyList<long> stride);

    /// <summary>The mean over some axes.</summary>
    /// <param name="x">The value.</param>
    /// <param name="axes">The axes.</param>
    /// <param name="keep">Whether the axes stay, with size 1. Default: false.</param>
    public abstract GraphValue Mean(GraphValue x, IReadOnlyList<int> axes, bool keep = false);

    /// <summary>The largest value over some axes.</summary>
    /// <param name="x">The value.</param>
    /// <param name="axes">The axes.</param>
    /// <param name="keep">Whether the axes stay, with size 1. Default: false.</param>
    public abstract GraphValue Maximum(GraphValue x, IReadOnlyList<int> axes, bool keep = false);

    /// <summary>The Euclidean length along an axis, which stays with size 1.</summary>
    /// <param name="x">The value.</param>
    /// <param name="axis">The axis.</param>
    public abstract GraphValue Norm(GraphValue x, int axis);

    /// <summary>The axes in another order.</summary>
    /// <param name="x">The value.</param>
    /// <param name="order">For each axis of the result, the axis of the value.</param>
    public abstract GraphValue Transpose(GraphValue x, params IReadOnlyList<int> order);

    /// <summary>The elements in the same order in another shape.</summary>
    /// <param name="x">The value.</param>
    /// <param name="shape">The sizes; 0 for the value's size of the same axis, −1 for what remains (once).</param>
    public abstract GraphValue Reshape(GraphValue x, params IReadOnlyList<long> shape);

    /// <summary>A part of an axis.</summary>
    /// <param name="x">The value.</param>
    /// <param name="axis">The axis.</param>
    /// <param name="start">The first index.</param>
    /// <param name="length">The number of indices.</param>
    public abstract GraphValue Slice(GraphValue x, int axis, long start, long length);

    /// <summary>Values side by side along an axis.</summary>
    /// <param name="values">The values, at least one.</param>
    /// <param name="axis">The axis.</param>
    public abstract GraphValue Concatenate(IReadOnlyList<GraphValue> values, int axis);

    /// <summary>The entries at some indices of an axis.</summary>
    /// <param name="x">The value.</param>
    /// <param name="indices">int64 [K]; [K] takes the place of the axis.</param>
    /// <param name="axis">The axis.</param>
    public abstract GraphValue Gather(GraphValue x, GraphValue indices, int axis);

    /// <summary>A value of one row, repeated for each row of another.</summary>
    /// <param name="x">[1, ...].</param>
    /// <param name="like">[N, ...].</param>
    /// <returns>[N, ...], with the sizes of x.</returns>
    public abstract GraphValue Repeat(GraphValue x, GraphValue like);
}
