using System.Globalization;
using System.Text;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A layer of a summary.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Name">The dotted name; empty for the model itself.</param>
/// <param name="Type">The layer's type, such as <c>Conv2d</c>.</param>
/// <param name="OutputShapes">The shapes of its outputs (in the first run, if it runs several times); empty if it was not seen to
/// run.</param>
/// <param name="Parameters">The number of parameters of the layer and of all layers below it.</param>
/// <param name="TrainableParameters">The number of those parameters that require a gradient, so that training changes them.</param>
/// <param name="MultiplyAdds">The multiply-adds of the layer and of all layers below it, in all their runs on the input.</param>
/// <param name="Depth">0 for the model, 1 for its parts, and so on.</param>
public sealed record LayerSummary(
    string Name, string Type, IReadOnlyList<IReadOnlyList<long>> OutputShapes, long Parameters, long TrainableParameters,
    long MultiplyAdds, int Depth);

/// <summary>A model's layers with types, output shapes, parameters and multiply-adds, as Keras' <c>summary</c> prints them.</summary>
/// <remarks>
/// <para>The model must be in evaluation mode. It is run once on zeros, without gradient. Multiply-adds are those of convolutions, linear
/// layers and attention, without biases, norms, activations and pooling. torchvision's tables call them GFLOPS, and most papers FLOPs. A
/// layer that runs several times counts each time.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once. <see cref="Of"/> runs the model and has the same conditions as
/// <see cref="LayerFeatures"/>.</para>
/// </remarks>
public sealed class ModelSummary
{
    private ModelSummary(IReadOnlyList<LayerSummary> layers, IReadOnlyList<long> inputShape) => (Layers, InputShape) = (layers, inputShape);

    /// <summary>The model, then its layers in the order of their declaration, each before the layers in it.</summary>
    public IReadOnlyList<LayerSummary> Layers { get; }

    /// <summary>The input's shape.</summary>
    public IReadOnlyList<long> InputShape { get; }

    /// <summary>The number of parameters.</summary>
    public long Parameters => Layers[0].Parameters;

    /// <summary>The number of parameters that require a gradient.</summary>
    public long TrainableParameters => Layers[0].TrainableParameters;

    /// <summary>The number of parameters that require no gradient, such as BNNeck's bias.</summary>
    public long FrozenParameters => Parameters - TrainableParameters;

    /// <summary>Multiply-adds for the whole input. For those of one image, pass the shape of one image.</summary>
    public long MultiplyAdds => Layers[0].MultiplyAdds;

    /// <summary>Bytes of the parameters.</summary>
    public required long ParameterBytes { get; init; }

    /// <summary>Bytes of the buffers, such as batch norm's running means.</summary>
    public required long BufferBytes { get; init; }

    /// <summary>Bytes of the outputs of all innermost layers, in all their runs: this is roughly the memory that training keeps for the
    /// backward pass.</summary>
    public required long OutputBytes { get; init; }

    /// <summary>Bytes of the input.</summary>
    public required long InputBytes { get; init; }

    /// <summary>Summarizes a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="inputShape">The shape of the model's input, such as 1, 3, 256, 128.</param>
    /// <param name="depth">The number of levels of nested parts that are listed; null for all.</param>
    /// <param name="cancellationToken">Cancels the call after the layer that runs.</param>
    /// <exception cref="ArgumentNullException">The model or the shape is null.</exception>
    /// <exception cref="ArgumentException">The model does not take such an input.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The depth or a size is negative.</exception>
    /// <exception cref="InvalidOperationException">A module is in training mode; the message names it and says what to do.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public static ModelSummary Of<TResult>(nn.Module<Tensor, TResult> model, IReadOnlyList<long> inputShape, int? depth = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputShape);
        foreach (var size in inputShape) Guard.AtLeast(size, 0, nameof(inputShape));
        var levels = Guard.AtLeast(depth ?? int.MaxValue, 0, nameof(depth));
        EvaluationMode.Require(model);

        var run = Run.Of(model, inputShape, cancellationToken);
        var layers = new List<LayerSummary>();
        List(model, name: "", level: 0, levels, run, layers);
        return new ModelSummary(layers, [.. inputShape])
        {
            ParameterBytes = model.parameters().Sum(Bytes),
            BufferBytes = model.buffers().Sum(Bytes),
            OutputBytes = run.OutputBytes,
            InputBytes = run.InputBytes,
        };
    }

    private static void List(nn.Module module, string name, int level, int levels, Run run, List<LayerSummary> layers)
    {
        layers.Add(new LayerSummary(name, TypeName(module), run.ShapesOf(module),
            module.parameters().Sum(parameter => parameter.numel()),
            module.parameters().Where(parameter => parameter.requires_grad).Sum(parameter => parameter.numel()),
            run.MultiplyAddsOf(module), level));
        if (level == levels) return;
        foreach (var (child, part) in module.named_children())
            List(part, name.Length == 0 ? child : $"{name}.{child}", level + 1, levels, run, layers);
    }

    /// <summary>Formats the table: the layers, indented by depth, then totals and sizes.</summary>
    public override string ToString()
    {
        var rows = new List<(string Layer, string Shape, string Parameters, string Products)>
        {
            ("Layer (type)", "Output shape", "Parameters", "Multiply-adds"),
        };
        foreach (var layer in Layers)
            rows.Add((new string(' ', 2 * layer.Depth) + Title(layer),
                layer.OutputShapes.Count == 0 ? "-" : string.Join(" ", layer.OutputShapes.Select(Shape)),
                Number(layer.Parameters), Number(layer.MultiplyAdds)));
        int first = rows.Max(row => row.Layer.Length), second = rows.Max(row => row.Shape.Length);
        int third = rows.Max(row => row.Parameters.Length), fourth = rows.Max(row => row.Products.Length);
        var rule = new string('-', first + second + third + fourth + 6);
        var text = new StringBuilder();
        foreach (var (layer, shape, parameters, multiplyAdds) in rows)
        {
            text.Append(layer.PadRight(first + 2)).Append(shape.PadRight(second + 2))
                .Append(parameters.PadLeft(third)).Append("  ").Append(multiplyAdds.PadLeft(fourth)).Append('\n');
            if (text.Length == rule.Length + 1) text.Append(rule).Append('\n');
        }
        text.Append(rule).Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"Input {Shape(InputShape)}\n");
        text.Append(CultureInfo.InvariantCulture,
            $"Parameters {Number(Parameters)}: {Number(TrainableParameters)} trainable, {Number(FrozenParameters)} frozen\n");
        text.Append(CultureInfo.InvariantCulture, $"Multiply-adds {Number(MultiplyAdds)}\n");
        text.Append(CultureInfo.InvariantCulture,
            $"Size: parameters {MiB(ParameterBytes)}, buffers {MiB(BufferBytes)}, input {MiB(InputBytes)}, layers' outputs "
            + $"{MiB(OutputBytes)}");
        return text.ToString();
    }

    private static long Bytes(Tensor tensor) => tensor.numel() * tensor.element_size();

    /// <summary>The name within the layer around it, and the type.</summary>
    private static string Title(LayerSummary layer) =>
        layer.Depth == 0 ? layer.Type : $"{layer.Name[(layer.Name.LastIndexOf('.') + 1)..]} ({layer.Type})";

    private static string TypeName(nn.Module module) => module is Backbone backbone ? backbone.GetName() : module.GetType().Name;

    private static string Shape(IReadOnlyList<long> shape) => $"[{string.Join(", ", shape)}]";

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string MiB(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.00} MiB");

    /// <summary>The outputs of the layers that were seen while the model ran once.</summary>
    private sealed class Run
    {
        private readonly Dictionary<nn.Module, IReadOnlyList<IReadOnlyList<long>>> shapes = new(ReferenceEqualityComparer.Instance);
        private readonly Dictionary<nn.Module, long> multiplyAdds = new(ReferenceEqualityComparer.Instance);

        public long InputBytes { get; private set; }

        public long OutputBytes { get; private set; }

        /// <summary>Runs the model on zeros of the type and on the device of its parameters.</summary>
        public static Run Of<TResult>(nn.Module<Tensor, TResult> model, IReadOnlyList<long> inputShape,
            CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var noGradient = no_grad();
            using var scope = NewDisposeScope();
            var first = model.parameters().FirstOrDefault();
            var input = zeros([.. inputShape], first?.dtype ?? ScalarType.Float32, first?.device ?? CPU);
            var run = new Run { InputBytes = Bytes(input) };
            run.shapes[model] = ShapesOf(LayerTaps.Call(model, input, (layer, _, output) =>
            {
                cancellationToken.ThrowIfCancellationRequested();
                run.See(layer, output);
            }));
            return run;
        }

        public IReadOnlyList<IReadOnlyList<long>> ShapesOf(nn.Module module) => shapes.GetValueOrDefault(module, []);

        /// <summary>Those of the module and of all modules below it.</summary>
        public long MultiplyAddsOf(nn.Module module) =>
            multiplyAdds.GetValueOrDefault(module) + module.named_children().Sum(child => MultiplyAddsOf(child.module));

        private void See(nn.Module layer, Tensor output)
        {
            shapes.TryAdd(layer, [output.shape]);
            multiplyAdds[layer] = multiplyAdds.GetValueOrDefault(layer) + OwnMultiplyAdds(layer, output);
            if (!layer.named_children().Any()) OutputBytes += Bytes(output);
        }

        private static IReadOnlyList<IReadOnlyList<long>> ShapesOf(object? output) => output switch
        {
            Tensor tensor => [tensor.shape],
            ModelOutput model =>
                [model.Features.shape, model.Embedding.shape, .. model.Logits is { } logits ? [logits.shape] : Array.Empty<long[]>()],
            PartOutput parts => [.. parts.Tensors.Select(tensor => tensor.shape)],
            _ => [],
        };

        /// <summary>The layer's own, without those of the layers in it: each number of the output takes one row of the weights.</summary>
        private static long OwnMultiplyAdds(nn.Module layer, Tensor output) => layer switch
        {
            Conv2d convolution => output.numel() * (convolution.weight.numel() / convolution.weight.size(0)),
            Linear linear => output.numel() * linear.weight.size(1),
            IMultiplyAdds other => other.MultiplyAdds(output),
            _ => 0,
        };
    }
}
