using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>Damaged files and files from strangers are refused with their names.</summary>
[LeavesNoTensors]
public sealed class HostileFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("onnx").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void EveryCutFile_IsRefused()
    {
        var whole = Small();
        for (var length = 0; length < whole.Length * 3 / 4; length += Math.Max(1, whole.Length / 500)) Refused(whole[..length]);
    }

    [Fact]
    public void ChangedBytes_GiveTensorsOrAnError()
    {
        var whole = Small();
        var random = new SeededRandom(5);
        for (var trial = 0; trial < 500; trial++)
        {
            var bytes = whole.ToArray();
            bytes[random.NextInt(bytes.Length)] = (byte)random.NextInt(256);
            var path = Saved(bytes);
            try
            {
                OnnxFile.Read(path).Dispose();
            }
            catch (InvalidDataException e)
            {
                Assert.StartsWith(path, e.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void OtherFiles_AreRefused()
    {
        Refused([.. "<html>not found</html>"u8], "This is an HTML page");
        Refused([.. "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"u8], "a Git LFS pointer");
        Refused([], "an empty file");
        var folder = Path.GetTempPath();
        Assert.Equal($"{folder} is a folder, but a file was expected.", Assert.Throws<IOException>(() => OnnxFile.Read(folder)).Message);
        Refused([.. "PK\u0003\u0004"u8], "a zip archive, as torch.save writes, which has weights and no network: export the network");
        Refused([0x80, 2, (byte)'}'], "a pickle, as torch.save wrote");
        Refused([2, 0, 0, 0, 0, 0, 0, 0, .. "{}"u8], "a safetensors file, which has weights and no network");
    }

    [Theory]
    [InlineData(1L << 40, 4, "has 4 bytes")]
    [InlineData(-1, 4, "impossible shape")]
    [InlineData(2, 4, "has 4 bytes")]
    public void AShapeThatLies_IsRefused(long size, int bytes, string part) =>
        Refused(File(new ProtoMessage().Add(1, size).Add(2, 1).Add(8, "w").Add(9, bytes, stream => stream.Write(new byte[bytes]))), part);

    [Fact]
    public void ValuesInAnotherFile_AreRefused() =>
        Refused(File(new ProtoMessage().Add(1, 1).Add(2, 1).Add(8, "w").Add(14, 1)), "in another file");

    [Fact]
    public void BytesThatAreNoBooleans_NameTheirTensor() =>
        Refused(File(new ProtoMessage().Add(1, 1).Add(2, 9).Add(8, "w").Add(9, 1, stream => stream.WriteByte(7))),
            "The tensor 'w' is of type bool");

    /// <summary>Protobuf lets a writer store repeated numbers one by one, or in several packed parts. ONNX Runtime reads both.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public void NumbersInSeveralParts_AreRead(bool packed)
    {
        float[] numbers = [1.5f, -2, 3];
        using var stream = new MemoryStream();
        new ProtoMessage().Add(1, 3).Add(2, 1).Add(8, "w").WriteTo(stream);
        if (packed)
        {
            stream.Write([(4 << 3) | 2, 4, .. BitConverter.GetBytes(numbers[0])]);
            stream.Write([(4 << 3) | 2, 8, .. BitConverter.GetBytes(numbers[1]), .. BitConverter.GetBytes(numbers[2])]);
        }
        else
            foreach (var number in numbers) stream.Write([(4 << 3) | 5, .. BitConverter.GetBytes(number)]);
        var tensor = stream.ToArray();
        byte[] graph = [(5 << 3) | 2, (byte)tensor.Length, .. tensor];
        using var read = OnnxFile.Read(Saved([(7 << 3) | 2, (byte)graph.Length, .. graph]));
        Assert.Equal(numbers, read["w"].data<float>().ToArray());
    }

    /// <summary>Exporters write such tensors as the region of a resizing.</summary>
    [Theory, InlineData(1), InlineData(7), InlineData(10), InlineData(11)]
    public void ATensorWithoutNumbers_IsRead(int type)
    {
        using var read = OnnxFile.Read(Saved(File(new ProtoMessage().Add(1, 0).Add(2, type).Add(8, "roi"))));
        Assert.Equal([0], read["roi"].shape);
    }

    [Fact]
    public void AnUnknownType_IsRefused() =>
        Refused(File(new ProtoMessage().Add(1, 1).Add(2, 17).Add(8, "w").Add(9, 1, stream => stream.WriteByte(0))), "the ONNX type 17");

    [Fact]
    public void TwoTensorsOfOneName_AreRefused()
    {
        var tensor = new ProtoMessage().Add(1, 1).Add(2, 1).Add(8, "w").Add(9, 4, stream => stream.Write(new byte[4]));
        Refused(Bytes(new ProtoMessage().Add(7, new ProtoMessage().Add(5, tensor).Add(5, tensor))), "two tensors 'w'");
    }

    [Fact]
    public void ARingOfOperations_EndsTheSearch()
    {
        using var scope = NewDisposeScope();
        ProtoMessage Node(string kind, string from, string to) => new ProtoMessage().Add(1, from).Add(2, to).Add(4, kind);
        var graph = new ProtoMessage().Add(1, Node("Identity", "b", "a")).Add(1, Node("Identity", "a", "b"))
            .Add(12, new ProtoMessage().Add(1, "a"));
        using var model = new EmbeddingModel(new ConvNet4());
        var path = Saved(Bytes(new ProtoMessage().Add(7, graph)));
        var error = Assert.Throws<InvalidDataException>(() => OnnxFile.LoadWeightsInOrder(model, path));
        Assert.Contains("missing", error.Message, StringComparison.Ordinal);
    }

    private byte[] Small()
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(new ConvNet4(channels: 2));
        var path = Path.Combine(folder, "small.onnx");
        OnnxFile.Export(model, path, new() { ClassNames = ["a"] });
        return System.IO.File.ReadAllBytes(path);
    }

    private static byte[] File(ProtoMessage tensor) => Bytes(new ProtoMessage().Add(7, new ProtoMessage().Add(5, tensor)));

    private static byte[] Bytes(ProtoMessage message)
    {
        using var stream = new MemoryStream();
        message.WriteTo(stream);
        Assert.Equal(message.Length, stream.Length);
        return stream.ToArray();
    }

    private string Saved(byte[] bytes)
    {
        var path = Path.Combine(folder, "changed.onnx");
        System.IO.File.WriteAllBytes(path, bytes);
        return path;
    }

    private void Refused(byte[] bytes, string part = "")
    {
        var path = Saved(bytes);
        var error = Assert.Throws<InvalidDataException>(() => OnnxFile.Read(path));
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }
}
