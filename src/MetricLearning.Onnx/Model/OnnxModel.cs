namespace MetricLearning.Onnx;

/// <summary>The contents of an ONNX file without the values of its tensors.</summary>
internal sealed class OnnxModel
{
    /// <summary>The operations.</summary>
    public List<OnnxNode> Nodes { get; } = [];

    /// <summary>The tensors of the file, including the network's weights.</summary>
    public List<OnnxTensor> Tensors { get; } = [];

    /// <summary>The inputs. In old files the weights are inputs too.</summary>
    public List<OnnxInput> Inputs { get; } = [];

    /// <summary>The names of the outputs.</summary>
    public List<string> Outputs { get; } = [];

    /// <summary>The metadata of the file.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);
}
