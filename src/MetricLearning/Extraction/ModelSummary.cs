using System.Globalization;
using System.Text;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A layer of a summary.</summary>
/// <param name="Name">The dotted name; empty for the model itself.</param>
/// <param name="Type">The layer's type, such as <c>Conv2d</c>.</param>
/// <param name="OutputShapes">The shapes that it gives (of several runs, the first's); empty if it was not seen to run.</param>
/// <param name="Parameters">Learned numbers in it and in all below it.</param>
/// <param name="TrainableParameters">Those of them that have a gradient.</param>
/// <param name="MultiplyAdds">Multiply-adds of it and of all below it, in all their runs on the input.</param>
/// <param name="Depth">0 for the model, 1 for its parts, and so on.</param>
public sealed record LayerSummary(
    string Name, string Type, IReadOnlyList<IReadOnlyList<long>> OutputShapes, long Parameters, long TrainableParameters,
    long MultiplyAdds, int Depth);

/// <summary>A model's layers with types, output shapes, parameters and multiply-adds, as Keras' <c>summary</c> prints them.</summary>
/// <remarks>
/// The model is run once on zeros, in eval mode and without gradient, and is left as it was. Multiply-adds are those of convolutions,
/// linear layers and attention, without biases, norms, activations and pooling: what torchvision's tables call GFLOPS, and most papers
/// FLOPs. A layer that runs several times counts each time.
/// </remarks>
public sealed class ModelSummary
{
    private ModelSummary(IReadOnlyList<LayerSummary> layers, IReadOnlyList<long> inputShape) => (Layers, InputShape) = (layers, inputShape);

    /// <summary>The model first, then its layers in the order in which they were declared, each before those in it.</summary>
    public IReadOnlyList<LayerSummary> Layers { get; }

    /// <summary>The input's shape.</summary>
    public IReadOnlyList<long> InputShape { get; }

    /// <summary>All learned numbers.</summary>
    public long Parameters => Layers[0].Parameters;

    /// <summary>Those that have a gradient.</summary>
    public long TrainableParameters => Layers[0].TrainableParameters;

    /// <summary>Those that have none, such as BNNeck's bias.</summary>
    public long FrozenParameters => Parameters - TrainableParameters;

    /// <summary>Multiply-adds for the whole input. For one picture, give the shape of one.</summary>
    public long MultiplyAdds => Layers[0].MultiplyAdds;

    /// <summary>Bytes of the parameters.</summary>
    public required long ParameterBytes { get; init; }

    /// <summary>Bytes of the buffers, such as batch norm's running means.</summary>
    public required long BufferBytes { get; init; }

    /// <summary>Bytes of the outputs of all innermost layers, in all their runs: about what training keeps for the backward pass.</summary>
    public required long OutputBytes { get; init; }

    /// <summary>Bytes of the input.</summary>
    public required long InputBytes { get; init; }

    /// <summary>Summarizes a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="inputShape">The shape of what it takes, such as 1, 3, 256, 128.</param>
    /// <param name="depth">How many levels of parts within parts are listed; null for all.</param>
    /// <exception cref="ArgumentException">The model does not take such an input.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The depth is negative.</exception>
    public static ModelSummary Of<TResult>(nn.Module<Tensor, TResult> model, IReadOnlyList<long> inputShape, int? depth = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(inputShape);
        var levels = Guard.AtLeast(depth ?? int.MaxValue, 0, nameof(depth));

        var shapes = new Dictionary<nn.Module, IReadOnlyList<IReadOnlyList<long>>>(ReferenceEqualityComparer.Instance);
        var products = new Dictionary<nn.Module, long>(ReferenceEqualityComparer.Instance);
        long outputBytes = 0, inputBytes;
        var removers = new List<Action>();
        using (new EvaluationMode(model))
        using (NewDisposeScope())
            try
            {
                foreach (var (name, module) in model.named_modules())
                    if (name.Length > 0 && module is nn.Module<Tensor, Tensor> layer)
                        removers.Add(layer.register_forward_hook((_, _, output) =>
                        {
                            shapes.TryAdd(layer, [output.shape]);
                            products[layer] = products.GetValueOrDefault(layer) + ProductsOf(layer, output);
                            if (!layer.named_children().Any()) outputBytes += Bytes(output);
                            return output;
                        }).remove);
                var first = model.parameters().FirstOrDefault();
                var input = zeros([.. inputShape], first?.dtype ?? ScalarType.Float32, first?.device ?? CPU);
                inputBytes = Bytes(input);
                shapes[model] = model.call(input) switch
                {
                    Tensor tensor => [tensor.shape],
                    ModelOutput output =>
                        [output.Features.shape, output.Embedding.shape, .. output.Logits is { } logits ? [logits.shape]
                        : Array.Empty<long[]>()],
                    PartOutput parts => [.. parts.Features.Append(parts.Embedding).Concat(parts.Logits).Select(tensor => tensor.shape)],
                    _ => [],
                };
            }
            finally
            {
                foreach (var remove in removers) remove();
            }

        var layers = new List<LayerSummary>();
        Add(model, "", 0);
        return new ModelSummary(layers, [.. inputShape])
        {
            ParameterBytes = model.parameters().Sum(Bytes),
            BufferBytes = model.buffers().Sum(Bytes),
            OutputBytes = outputBytes,
            InputBytes = inputBytes,
        };

        void Add(nn.Module module, string name, int level)
        {
            layers.Add(new LayerSummary(name, TypeName(module), shapes.GetValueOrDefault(module, []),
                module.parameters().Sum(parameter => parameter.numel()),
                module.parameters().Where(parameter => parameter.requires_grad).Sum(parameter => parameter.numel()),
                Products(module), level));
            if (level == levels) return;
            foreach (var (child, part) in module.named_children()) Add(part, name.Length == 0 ? child : $"{name}.{child}", level + 1);
        }

        long Products(nn.Module module) =>
            products.GetValueOrDefault(module) + module.named_children().Sum(child => Products(child.module));
    }

    /// <summary>The table: layers indented by depth, then totals and sizes.</summary>
    public override string ToString()
    {
        var rows = new List<(string Layer, string Shape, string Parameters, string Products)>
        {
            ("Layer (type)", "Output shape", "Parameters", "Multiply-adds"),
        };
        foreach (var layer in Layers)
            rows.Add(
                ($"{new string(' ', 2 * layer.Depth)}{(layer.Depth == 0 ? layer.Type : $"{layer.Name[(layer.Name.LastIndexOf('.') + 1)..]} ({layer.Type})")}",
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

    /// <summary>What the layer itself multiplies: for each number of its output a row of its weights.</summary>
    private static long ProductsOf(nn.Module layer, Tensor output) => layer switch
    {
        Conv2d convolution => output.numel() * (convolution.weight.numel() / convolution.weight.size(0)),
        Linear linear => output.numel() * linear.weight.size(1),
        IMultiplyAdds other => other.MultiplyAdds(output),
        _ => 0,
    };

    private static long Bytes(Tensor tensor) => tensor.numel() * tensor.element_size();

    private static string TypeName(nn.Module module) => module is Backbone backbone ? backbone.GetName() : module.GetType().Name;

    private static string Shape(IReadOnlyList<long> shape) => $"[{string.Join(", ", shape)}]";

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string MiB(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.00} MiB");
}
