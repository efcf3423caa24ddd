using static TorchSharp.torch;

namespace MetricLearning.Onnx;

/// <summary>Writes networks in the ONNX format: protobuf messages with the field numbers of onnx.proto.</summary>
internal static class OnnxWriter
{
    /// <summary>The operator set version of the files. <c>LayerNormalization</c> needs this version.</summary>
    public const int Opset = 17;

    private const int FormatVersion = 8;        // that of ONNX 1.12, which has this operator set

    /// <summary>Makes the whole file, ready to be written.</summary>
    public static ProtoMessage File(IReadOnlyList<OnnxNode> nodes, IEnumerable<KeyValuePair<string, Tensor>> weights,
        IEnumerable<OnnxInput> inputs, IEnumerable<OnnxInput> outputs, IEnumerable<KeyValuePair<string, string>> metadata)
    {
        var graph = new ProtoMessage();
        foreach (var node in nodes) graph.Add(1, Node(node));
        graph.Add(2, "network");
        foreach (var (name, tensor) in weights) graph.Add(5, Weight(name, tensor));
        foreach (var input in inputs) graph.Add(11, Value(input));
        foreach (var output in outputs) graph.Add(12, Value(output));

        var file = new ProtoMessage().Add(1, FormatVersion).Add(2, "MetricLearning")
            .Add(3, typeof(OnnxWriter).Assembly.GetName().Version!.ToString(3)).Add(7, graph)
            .Add(8, new ProtoMessage().Add(1, "").Add(2, Opset));
        foreach (var (key, value) in metadata) file.Add(14, new ProtoMessage().Add(1, key).Add(2, value));
        return file;
    }

    private static ProtoMessage Node(OnnxNode node)
    {
        var message = new ProtoMessage();
        foreach (var input in node.Inputs) message.Add(1, input);
        foreach (var output in node.Outputs) message.Add(2, output);
        message.Add(3, node.Outputs[0]).Add(4, node.Operator);
        foreach (var (name, value) in node.Attributes) message.Add(5, Attribute(name, value));
        return message;
    }

    private static ProtoMessage Attribute(string name, object value)
    {
        const int type = 20;
        var message = new ProtoMessage().Add(1, name);
        switch (value)
        {
            case float number: return message.Add(2, number).Add(type, 1);
            case long integer: return message.Add(3, integer).Add(type, 2);
            default:
                foreach (var integer in (long[])value) message.Add(8, integer);
                return message.Add(type, 7);
        }
    }

    private static ProtoMessage Weight(string name, Tensor tensor)
    {
        var message = new ProtoMessage();
        foreach (var size in tensor.shape) message.Add(1, size);
        return message.Add(2, OnnxTypes.NumberOf(tensor.dtype)).Add(8, name)
            .Add(9, tensor.numel() * RawTensor.ElementSize(tensor.dtype), stream => RawTensor.Write(stream, tensor));
    }

    private static ProtoMessage Value(OnnxInput value)
    {
        var shape = new ProtoMessage();
        foreach (var (size, axis) in value.Shape.Select((size, axis) => (size, axis)))
            shape.Add(1, size == GraphValue.Unknown ? new ProtoMessage().Add(2, axis == 0 ? "batch" : $"{value.Name}_{axis}")
                : new ProtoMessage().Add(1, size));
        return new ProtoMessage().Add(1, value.Name)
            .Add(2, new ProtoMessage().Add(1, new ProtoMessage().Add(1, value.Type).Add(2, shape)));
    }
}
