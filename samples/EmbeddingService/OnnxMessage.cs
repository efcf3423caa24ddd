using Google.Protobuf;

namespace EmbeddingService;

/// <summary>Reads the protobuf messages of ONNX files.</summary>
internal static class OnnxMessage
{
    /// <summary>The field numbers of the graph of a file and of the weights of a graph.</summary>
    public const int Graph = 7, Weight = 5;

    /// <summary>The parts of a message that are messages or bytes themselves, in order, with their field numbers.</summary>
    public static IEnumerable<(int Field, ByteString Bytes)> Parts(ByteString message)
    {
        var input = message.CreateCodedInput();
        while (input.ReadTag() is var tag and not 0)
            if (WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited)
                yield return (WireFormat.GetTagFieldNumber(tag), input.ReadBytes());
            else input.SkipLastField();
    }

    /// <summary>The parts of a message in one field.</summary>
    public static IEnumerable<ByteString> Parts(ByteString message, int field) =>
        Parts(message).Where(part => part.Field == field).Select(part => part.Bytes);

    /// <summary>The files beside an ONNX file that hold weights of it.</summary>
    public static IReadOnlyList<string> ExternalWeights(string path)
    {
        const int external = 13, key = 1, value = 2;
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var file = UnsafeByteOperations.UnsafeWrap(File.ReadAllBytes(path));        // nothing writes to the bytes
        return
        [
            .. Parts(file, Graph).SelectMany(graph => Parts(graph, Weight)).SelectMany(weight => Parts(weight, external))
                .Where(entry => Text(entry, key) == "location").Select(entry => Text(entry, value)).Distinct().Order(StringComparer.Ordinal)
                .Select(name => Path.Combine(folder, name)),
        ];

        static string Text(ByteString entry, int field) => Parts(entry, field).LastOrDefault()?.ToStringUtf8() ?? "";
    }
}
