namespace MetricLearning.Onnx;

/// <summary>Reads ONNX files. Subgraphs, functions and unknown parts are ignored.</summary>
internal static class OnnxReader
{
    /// <summary>Reads a file without the values of its tensors.</summary>
    /// <exception cref="InvalidDataException">The file is not an ONNX file, or it is damaged.</exception>
    public static OnnxModel Read(Stream stream)
    {
        try
        {
            return ModelOf(stream);
        }
        catch (InvalidDataException e) when (ForeignFile.DescribeUnlessOnnx(stream) is { } foreign)
        {
            throw new InvalidDataException($"This is {foreign}. It is not an ONNX file.", e);
        }
    }

    private static OnnxModel ModelOf(Stream stream)
    {
        var model = new OnnxModel();
        var hasGraph = false;
        stream.Position = 0;
        var file = new ProtoReader(stream, stream.Length, new MemoryBudget(stream.Length));
        while (file.Next())
            switch (file.Field)
            {
                case 7:
                    if (hasGraph) throw new InvalidDataException("It has two networks.");
                    hasGraph = file.Message(part => Graph(part, model));
                    break;
                case 14:
                    var (key, value) = file.Message(Entry);
                    model.Metadata[key] = value;
                    break;
                default: file.Skip(); break;
            }
        return hasGraph ? model : throw new InvalidDataException("It is not an ONNX file, or it is damaged: it has no network.");
    }

    private static bool Graph(ProtoReader graph, OnnxModel model)
    {
        while (graph.Next())
            switch (graph.Field)
            {
                case 1: model.Nodes.Add(graph.Message(Node)); break;
                case 5: model.Tensors.Add(graph.Message(TensorOf)); break;
                case 11: model.Inputs.Add(graph.Message(Value)); break;
                case 12: model.Outputs.Add(graph.Message(Value).Name); break;
                default: graph.Skip(); break;
            }
        return true;
    }

    private static (string Key, string Value) Entry(ProtoReader entry)
    {
        var (key, value) = ("", "");
        while (entry.Next())
            switch (entry.Field)
            {
                case 1: key = entry.Text(); break;
                case 2: value = entry.Text(); break;
                default: entry.Skip(); break;
            }
        return (key, value);
    }

    private static OnnxNode Node(ProtoReader node)
    {
        var kind = "";
        List<string> inputs = [], outputs = [];
        var attributes = new Dictionary<string, object>(StringComparer.Ordinal);
        while (node.Next())
            switch (node.Field)
            {
                case 1: inputs.Add(node.Text()); break;
                case 2: outputs.Add(node.Text()); break;
                case 4: kind = node.Text(); break;
                case 5:
                    var (name, value) = node.Message(Attribute);
                    if (value is not null) attributes[name] = value;
                    break;
                default: node.Skip(); break;
            }
        return new(kind, inputs, outputs, attributes);
    }

    private static (string Name, object? Value) Attribute(ProtoReader attribute)
    {
        var name = "";
        object? value = null;
        while (attribute.Next())
            switch (attribute.Field)
            {
                case 1: name = attribute.Text(); break;
                case 2: value = attribute.Number(); break;
                case 3: value = attribute.Integer(); break;
                case 5: value = attribute.Message(TensorOf); break;
                case 8: value = (long[])[.. value as long[] ?? [], .. attribute.Integers()]; break;
                default: attribute.Skip(); break;
            }
        return (name, value);
    }

    private static OnnxTensor TensorOf(ProtoReader reader)
    {
        const int floats = 4, integers = 5, longs = 7, raw = 9, doubles = 10;
        var tensor = new OnnxTensor();
        while (reader.Next())
            switch (reader.Field)
            {
                case 1: tensor.Shape.AddRange(reader.Integers()); break;
                case 2: tensor.Type = reader.Integer(); break;
                case floats or raw or doubles: tensor.Bytes.Add(reader.Bytes()); break;
                case integers or longs: tensor.Values.AddRange(reader.Integers()); break;
                case 8: tensor.Name = reader.Text(); break;
                case 14: tensor.IsExternal = reader.Integer() != 0; break;
                default: reader.Skip(); break;
            }
        return tensor;
    }

    private static OnnxInput Value(ProtoReader value)
    {
        var name = "";
        var type = 0L;
        List<long> shape = [];
        while (value.Next())
            switch (value.Field)
            {
                case 1: name = value.Text(); break;
                case 2: (type, shape) = value.Message(KindOf); break;
                default: value.Skip(); break;
            }
        return new(name, (int)Math.Clamp(type, 0, int.MaxValue), shape);
    }

    private static (long Type, List<long> Shape) KindOf(ProtoReader reader)
    {
        (long Type, List<long> Shape) tensor = (0, []);
        while (reader.Next())
            if (reader.Field == 1) tensor = reader.Message(TensorType);
            else reader.Skip();
        return tensor;
    }

    private static (long Type, List<long> Shape) TensorType(ProtoReader reader)
    {
        var type = 0L;
        List<long> shape = [];
        while (reader.Next())
            switch (reader.Field)
            {
                case 1: type = reader.Integer(); break;
                case 2: shape = reader.Message(Dimensions); break;
                default: reader.Skip(); break;
            }
        return (type, shape);
    }

    private static List<long> Dimensions(ProtoReader reader)
    {
        List<long> sizes = [];
        while (reader.Next())
            if (reader.Field == 1) sizes.Add(reader.Message(Size));
            else reader.Skip();
        return sizes;

        static long Size(ProtoReader dimension)
        {
            var size = GraphValue.Unknown;
            while (dimension.Next())
                if (dimension.Field == 1) size = dimension.Integer();
                else dimension.Skip();
            return size > 0 ? size : GraphValue.Unknown;
        }
    }
}
