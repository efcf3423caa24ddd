using System.Security.Cryptography;
using Google.Protobuf;
using MetricLearning;

namespace EmbeddingService;

/// <summary>The default network: a published ResNet-18 and its image preprocessing, joined in one ONNX file that takes any number of
/// images.</summary>
/// <remarks>ONNX files are protobuf messages. Operations and weights are copied as they are.</remarks>
internal static class PretrainedNetwork
{
    private const int Side = 224, Length = 512;

    /// <summary>The field numbers of ONNX's protobuf messages.</summary>
    private const int Format = 1, Producer = 2, Operators = 8, Metadata = 14, Node = 1, GraphName = 2, Input = 11, Output = 12;

    /// <summary>The inputs and outputs of the two published files, and those of the joined one.</summary>
    private const string Unprepared = "OriginalInput", Prepared = "PreprocessedInput",
        NetworkTakes = "Input247", NetworkGives = "Pooling395_Output_0", Embedding = "embedding";

    /// <summary>The embedding space: how images are prepared and how embeddings are compared. The file takes values from 0 to
    /// 255.</summary>
    private static EmbeddingSpace Space => new()
    {
        Architecture = "cntk_resnet18_imagenet",
        Layer = EmbeddingSpace.EmbeddingLayer,
        Dimension = Length,
        Height = Side,
        Width = Side,
        Interpolation = "bilinear",
        Mean = [0, 0, 0],
        Deviation = [1 / 255f, 1 / 255f, 1 / 255f],
        Normalized = true,
        Distance = "cosine",
    };

    /// <summary>Writes the file, atomically.</summary>
    public static void Write(string path)
    {
        var (preparation, network) = (File.ReadAllBytes(PublishedResNet18.Preparation), File.ReadAllBytes(PublishedResNet18.Network));
        var space = Space with { Fingerprint = Convert.ToHexStringLower(SHA256.HashData([.. preparation, .. network])) };
        var graph = Message(message =>
        {
            Copy(preparation, message);
            Add(message, Node, Operation("Identity", Prepared, NetworkTakes));
            Copy(network, message);
            Add(message, Node, Operation("Flatten", NetworkGives, Embedding));
            Add(message, GraphName, space.Architecture!);
            Add(message, Input, Value(Unprepared, 3, Side, Side));
            Add(message, Output, Value(Embedding, Length));
        });
        var file = Message(message =>
        {
            Add(message, Format, 4);
            Add(message, Producer, nameof(EmbeddingService));
            Add(message, OnnxMessage.Graph, graph);
            Add(message, Operators, Message(version => Add(version, 2, 8)));
            Add(message, Metadata, Message(entry =>
            {
                Add(entry, 1, EmbeddingSpace.MetadataKey);
                Add(entry, 2, space.ToJson());
            }));
        });
        AtomicFile.Write(path, file.WriteTo);
    }

    /// <summary>Copies the operations and the weights of a file's graph into another graph.</summary>
    private static void Copy(byte[] file, CodedOutputStream target)
    {
        foreach (var graph in OnnxMessage.Parts(UnsafeByteOperations.UnsafeWrap(file), OnnxMessage.Graph))
            foreach (var (field, bytes) in OnnxMessage.Parts(graph))
                if (field is Node or OnnxMessage.Weight) Add(target, field, bytes);
    }

    private static ByteString Operation(string kind, string from, string to) => Message(node =>
    {
        Add(node, 1, from);
        Add(node, 2, to);
        Add(node, 4, kind);
    });

    /// <summary>A float input or output of any number of images and the given sizes.</summary>
    private static ByteString Value(string name, params int[] sizes)
    {
        var shape = Message(dimensions =>
        {
            Add(dimensions, 1, Message(images => Add(images, 2, "N")));
            foreach (var size in sizes) Add(dimensions, 1, Message(dimension => Add(dimension, 1, size)));
        });
        var tensor = Message(type =>
        {
            Add(type, 1, 1);
            Add(type, 2, shape);
        });
        return Message(value =>
        {
            Add(value, 1, name);
            Add(value, 2, Message(type => Add(type, 1, tensor)));
        });
    }

    private static ByteString Message(Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using (var message = new CodedOutputStream(bytes, leaveOpen: true)) write(message);
        return UnsafeByteOperations.UnsafeWrap(bytes.GetBuffer().AsMemory(0, (int)bytes.Length));     // nothing else writes to the buffer
    }

    private static void Add(CodedOutputStream message, int field, ByteString value)
    {
        message.WriteTag(field, WireFormat.WireType.LengthDelimited);
        message.WriteBytes(value);
    }

    private static void Add(CodedOutputStream message, int field, string value) => Add(message, field, ByteString.CopyFromUtf8(value));

    private static void Add(CodedOutputStream message, int field, long value)
    {
        message.WriteTag(field, WireFormat.WireType.Varint);
        message.WriteInt64(value);
    }
}
