namespace MetricLearning.Onnx;

/// <summary>What an ONNX file says, without the values of its tensors.</summary>
internal sealed class OnnxModel
{
    /// <summary>The operations.</summary>
    public List<OnnxNode> Nodes { get; } = [];

    /// <summary>The tensors that the file has, among them the network's weights.</summary>
    public List<OnnxTensor> Tensors { get; } = [];

    /// <summary>The inputs. In old files the weights are inputs too.</summary>
    public List<OnnxInput> Inputs { get; } = [];

    /// <summary>The names of the outputs.</summary>
    public List<string> Outputs { get; } = [];

    /// <summary>The texts beside the network.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);
}
