using System.Globalization;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace MetricLearning.Onnx;

/// <summary>Writes networks as ONNX files, which any ONNX runtime can run, and reads weights from ONNX files.</summary>
/// <remarks>
/// <para>A network is written from its layers' own descriptions (<see cref="IGraphLayer"/>), not from a trace of one run. So the number of
/// images is free. Files use version 17 of the ONNX operators and no custom operators.</para>
/// <para>Files may be untrusted. Lengths are checked before they are used, and nothing in a file is executed.</para>
/// <para>Thread safety: any number of threads may write and read, each its own file. Do not train a model or load weights into it while it
/// is being written.</para>
/// </remarks>
public static partial class OnnxFile
{
    /// <summary>The key of the names of classes in the metadata of a file; the value is a JSON list.</summary>
    public const string ClassNamesKey = "class_names";

    /// <summary>How messages name the space that a caller gives.</summary>
    private const string SpaceName = "options.Space";

    private const long LargestFile = int.MaxValue;      // the limit of protobuf for one message

    /// <summary>Writes a network in evaluation mode, atomically.</summary>
    /// <param name="model">An <see cref="EmbeddingModel"/>, a <see cref="PartModel"/>, a <see cref="TransReId"/>, a
    /// <see cref="Backbone"/>, or a module of TorchSharp's layers and <see cref="IGraphLayer"/>s that takes images. Weights of other
    /// floating-point types are written as float32.</param>
    /// <param name="path">The file; it is replaced if it exists.</param>
    /// <param name="options">The options; null for the defaults.</param>
    /// <returns>The embedding space that was written: that of the options, with the dimension of the embedding and the fingerprint of the
    /// weights.</returns>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    /// <exception cref="ArgumentException">The path is null or empty, the options do not fit the model, or their embedding space
    /// contradicts it. The message says how.</exception>
    /// <exception cref="NotSupportedException">A layer has no description, or it needs a fixed image size and the options have none. The
    /// message names the layer. No file is written.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static EmbeddingSpace Export(nn.Module model, string path, OnnxOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var space = options.Space;
        using var graph = new OnnxGraph(model, Input(model, options));
        var outputs = Chosen(Describe(graph, model, options), options);
        CheckClassNames(outputs, options);

        var weights = graph.Weights.ToDictionary(StringComparer.Ordinal);
        var nodes = GraphPasses.Needed(graph.Nodes, outputs.Select(output => output.Value.Name));
        if (options.FoldBatchNorms) nodes = GraphPasses.Folded(nodes, weights, outputs.Select(output => output.Value.Name));
        if (options.HalfWeights) nodes = GraphPasses.Halved(nodes, weights);
        nodes = GraphPasses.Named(nodes, outputs);

        var served = model.state_dict().Where(named => !WeightNames.IsClassifier(named.Key));
        space = space.OfModel(new() { Fingerprint = EmbeddingSpace.FingerprintOf(served) }, SpaceName);
        if (outputs[0] is { Key: EmbeddingSpace.EmbeddingLayer, Value.Shape: [_, var length] })
            space = space.OfModel(new() { Layer = EmbeddingSpace.EmbeddingLayer, Dimension = length }, SpaceName);
        List<KeyValuePair<string, string>> metadata = [new(EmbeddingSpace.MetadataKey, space.ToJson())];
        if (options.ClassNames is { } classes)
            metadata.Add(new(ClassNamesKey, new JsonArray([.. classes.Select(name => (JsonNode)name)]).ToJsonString()));

        var used = nodes.SelectMany(node => node.Inputs).ToHashSet(StringComparer.Ordinal);
        var file = OnnxWriter.File(nodes, weights.Where(named => used.Contains(named.Key)),
            graph.Inputs.Where((input, i) => i == 0 || used.Contains(input.Name)),
            outputs.Select(output => new OnnxInput(output.Key, OnnxTypes.Float, output.Value.Shape)), metadata);
        if (file.Length > LargestFile) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
            $"model must fit into one ONNX file of {LargestFile:N0} bytes, but takes {file.Length:N0}: {nameof(OnnxOptions.HalfWeights)} ")
                + "halves it.", nameof(model));
        AtomicFile.Write(path, file.WriteTo);
        return space;
    }

    /// <summary>Describes the input of the network.</summary>
    private static OnnxInput Input(nn.Module model, OnnxOptions options)
    {
        var space = options.Space;
        if (space.Height is null != space.Width is null)
            throw new ArgumentException($"options must have a height and a width or neither, got {space}.", nameof(options));
        var backbones = model.modules().Prepend(model).OfType<Backbone>().ToList();
        foreach (var backbone in backbones)
            if (Math.Min(space.Height ?? backbone.MinimumSize, space.Width ?? backbone.MinimumSize) < backbone.MinimumSize)
                throw new ArgumentException($"options must have a height and a width of at least {backbone.MinimumSize} for "
                    + $"{backbone.GetName()}, got {space.Height} and {space.Width}.", nameof(options));
        var channels = backbones.Count > 0 ? backbones[0].ImageChannels : 3;
        long height = space.Height ?? GraphValue.Unknown, width = space.Width ?? GraphValue.Unknown;
        if (!options.Preprocess)
            return new(OnnxGraph.Images, OnnxTypes.Float, [GraphValue.Unknown, channels, height, width]);
        foreach (var (name, values) in new[] { ("mean", space.Mean), ("deviation", space.Deviation) })
            if (values?.Count != channels) throw new ArgumentException(
                $"options must have a {name} of {channels} numbers, which {nameof(OnnxOptions.Preprocess)} needs, got "
                    + (values is null ? "none." : $"{values.Count}."), nameof(options));
        return new(OnnxGraph.Images, OnnxTypes.Byte, [GraphValue.Unknown, height, width, channels]);
    }

    private static IReadOnlyList<KeyValuePair<string, GraphValue>> Describe(OnnxGraph graph, nn.Module model, OnnxOptions options)
    {
        var images = new GraphValue(OnnxGraph.Images, graph.Inputs[0].Shape);
        if (options.Preprocess) images = graph.Prepared(images, options.Space.Mean!, options.Space.Deviation!);
        return model is IGraphModel whole ? whole.Describe(graph, images) : [new(OnnxGraph.Output, graph.Run(model, images))];
    }

    private static List<KeyValuePair<string, GraphValue>> Chosen(
        IReadOnlyList<KeyValuePair<string, GraphValue>> outputs, OnnxOptions options)
    {
        if (options.Outputs is null) return [outputs[0]];
        return [.. options.Outputs.Select(name => outputs.FirstOrDefault(output => output.Key == name) is { Key: not null } output ? output
            : throw new ArgumentException(
                $"options must name outputs of the model, {string.Join(", ", outputs.Select(all => all.Key))}, got '{name}'.",
                nameof(options)))];
    }

    private static void CheckClassNames(IEnumerable<KeyValuePair<string, GraphValue>> outputs, OnnxOptions options)
    {
        if (options.ClassNames is not { Count: var count }) return;
        foreach (var (name, value) in outputs)
            if (name.StartsWith("logits", StringComparison.Ordinal) && value.Shape[1] != count)
                throw new ArgumentException($"options must have a name for each of {value.Shape[1]} classes, got {count}.",
                    nameof(options));
    }
}
