using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace MetricLearning.Onnx;

public static partial class OnnxFile
{
    /// <summary>Reads the tensors of a file by name: the weights, and the constants that it stores.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The tensors, on the CPU, with the file's metadata. The caller disposes them.</returns>
    /// <exception cref="InvalidDataException">The file is not an ONNX file or is damaged, or its tensors are in another file or have a type
    /// that TorchSharp does not have. The message names the file and says why.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static NamedTensors Read(string path) => InputFile.Read(path, stream => Tensors(stream, OnnxReader.Read(stream)));

    /// <summary>Reads the metadata of a file.</summary>
    /// <param name="path">The file. Its tensors are not read.</param>
    /// <exception cref="InvalidDataException">The file is not an ONNX file, or it is damaged. The message names it and says
    /// why.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static IReadOnlyDictionary<string, string> ReadMetadata(string path) =>
        InputFile.Read(path, stream => OnnxReader.Read(stream).Metadata);

    /// <summary>Reads the embedding space of a file; null if the file does not record it.</summary>
    /// <inheritdoc cref="ReadMetadata" path="/param"/>
    /// <inheritdoc cref="ReadMetadata" path="/exception"/>
    public static EmbeddingSpace? ReadSpace(string path) =>
        InputFile.Read(path, stream => EmbeddingSpace.Of(OnnxReader.Read(stream).Metadata));

    /// <summary>Reads the names of the classes of a file, in the order of the class scores; null if the file has none.</summary>
    /// <inheritdoc cref="ReadMetadata" path="/param"/>
    /// <inheritdoc cref="ReadMetadata" path="/exception"/>
    public static IReadOnlyList<string>? ReadClassNames(string path) => InputFile.Read(path, stream =>
    {
        if (!OnnxReader.Read(stream).Metadata.TryGetValue(ClassNamesKey, out var json)) return null;
        try
        {
            var list = JsonNode.Parse(json)?.AsArray() ?? throw new JsonException("they are null");
            return (string[])[.. list.Select(name => (string?)name ?? throw new JsonException("a name is null"))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new InvalidDataException($"The names of its classes cannot be read: {MessageText.Excerpt(e.Message)}", e);
        }
    });

    /// <summary>Loads the weights of a file into a model by their names, as <see cref="WeightLoading"/> does with other files. Files that
    /// <see cref="Export"/> wrote without folding load strictly.</summary>
    /// <param name="model">The model. It keeps its type and device; the values are converted and moved.</param>
    /// <param name="path">The file.</param>
    /// <param name="strict">Whether a missing tensor, an unexpected tensor or a tensor of another shape is an error. On such an error the
    /// model stays unchanged. Default: true.</param>
    /// <param name="rename">Maps a name in the file to the name in the model, or to null to leave the tensor out; null for the rule of
    /// <see cref="WeightLoading"/>.</param>
    /// <returns>The tensors that matched, were missing, were unexpected, had another shape or were left out. It does not list the
    /// network's constants.</returns>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    /// <exception cref="InvalidDataException">The file cannot be read. Or it does not fit and <paramref name="strict"/> is true; the
    /// message is then the report. The message names the file.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static WeightReport LoadWeights(nn.Module model, string path, bool strict = true, Func<string, string?>? rename = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var tensors = InputFile.Read(path, stream => Tensors(stream, OnnxReader.Read(stream), tensor => IsWeight(tensor)
            && !tensor.Name.StartsWith(OnnxGraph.ConstantStart, StringComparison.Ordinal)));
        return InputFile.Naming(path, () => model.LoadWeights(tensors, strict, rename));
    }

    /// <summary>Loads the weights of a file into a model in the order in which the networks use them; names are ignored. The file must hold
    /// the same network as the model. If an exporter has folded batch norms into convolutions, the model's batch norms are set so that both
    /// networks compute the same.</summary>
    /// <remarks>Networks that PyTorch or other tools export often have folded batch norms and weights without names. After loading, the
    /// model gives the same features and can be trained further.</remarks>
    /// <param name="model">The model. It keeps its type and device; the values are converted and moved.</param>
    /// <param name="path">The file.</param>
    /// <param name="strict">Whether a missing or unexpected tensor is an error. On such an error the model stays unchanged. Default:
    /// true.</param>
    /// <returns>The tensors that matched, were missing or were unexpected. Unexpected tensors have the file's names.</returns>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    /// <exception cref="NotSupportedException">The model has a layer without a description; the message names it.</exception>
    /// <exception cref="InvalidDataException">The file cannot be read, its network is another one, or it does not fit and
    /// <paramref name="strict"/> is true. The message names the file and says what differs. The model stays unchanged.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static WeightReport LoadWeightsInOrder(nn.Module model, string path, bool strict = true)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var scope = NewDisposeScope();
        var (file, tensors) = InputFile.Read(path, stream =>
        {
            var read = OnnxReader.Read(stream);
            return (read, Tensors(stream, read, IsWeight));
        });
        using var owned = tensors;
        var theirs = WeightOrder.Of(file.Nodes, file.Outputs, tensors.ContainsKey);

        var options = new OnnxOptions { Space = SizeOf(model, file.Inputs.Where(input => !tensors.ContainsKey(input.Name))) };
        using var graph = new OnnxGraph(model, Input(model, options));
        var outputs = Describe(graph, model, options).Select(output => output.Value.Name).ToList();
        var own = WeightOrder.Of(graph.Nodes, outputs,
            name => graph.Weights.TryGetValue(name, out var value) && value.dim() > 0 && value.is_floating_point());
        var epsilons = graph.Nodes.Where(node => node.Operator == "BatchNormalization")
            .ToDictionary(node => node.Inputs[1], node => (double)(float)node.Attributes["epsilon"]);
        var state = model.state_dict();
        return InputFile.Naming(path, () => model.LoadWeights(
            WeightMatching.Match(own, name => graph.Weights[name].shape, name => !state.ContainsKey(name), name => epsilons[name], theirs,
                tensors), strict, WeightNames.Own()));
    }

    /// <summary>The size of the images that a file's network takes; empty if it takes any size, or a size that the model cannot
    /// take.</summary>
    private static EmbeddingSpace SizeOf(nn.Module model, IEnumerable<OnnxInput> inputs)
    {
        const long largest = 2048;      // limits an untrusted file; the positions of a transformer grow with the size
        var least = model.modules().Prepend(model).OfType<Backbone>().Select(backbone => backbone.MinimumSize).DefaultIfEmpty(1).Max();
        return inputs.FirstOrDefault(input => input.Shape.Count == 4)?.Shape is [_, _, var height, var width]
            && height >= least && width >= least && height <= largest && width <= largest
            ? new() { Height = (int)height, Width = (int)width } : new();
    }

    private static bool IsWeight(OnnxTensor tensor) => tensor.Shape.Count > 0 && tensor.IsFloatingPoint;

    private static NamedTensors Tensors(Stream stream, OnnxModel file, Func<OnnxTensor, bool>? wanted = null)
    {
        var result = new NamedTensors(file.Metadata);
        try
        {
            foreach (var tensor in file.Tensors.Where(tensor => wanted?.Invoke(tensor) ?? true))
            {
                var value = tensor.Read(stream);
                if (result.TryAdd(tensor.Name, value)) continue;
                value.Dispose();
                throw new InvalidDataException($"It has two tensors '{tensor.Name}'.");
            }
            foreach (var node in file.Nodes.Where(node => node is { Operator: "Constant", Outputs.Count: > 0 }))
                if (node.Attributes.GetValueOrDefault("value") is OnnxTensor constant && (wanted?.Invoke(constant) ?? true))
                {
                    var value = constant.Read(stream);
                    if (!result.TryAdd(node.Outputs[0], value)) value.Dispose();
                }
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }
}
