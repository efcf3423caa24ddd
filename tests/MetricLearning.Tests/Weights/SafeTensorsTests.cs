using System.Text;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public sealed class SafeTensorsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("safetensors").FullName;

    private string FilePath => Path.Combine(folder, "model.safetensors");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Write_ThenRead_GivesTheSameTensors()
    {
        using var scope = NewDisposeScope();
        ScalarType[] types =
        [
            ScalarType.Float64, ScalarType.Float32, ScalarType.Float16, ScalarType.BFloat16, ScalarType.Int64, ScalarType.Int32,
                ScalarType.Int16,
            ScalarType.Int8, ScalarType.Byte, ScalarType.Bool,
        ];
        var tensors = types.ToDictionary(type => $"of {type}", type => (rand(3, 2) * 3).to(type));
        tensors["transposed ü\""] = rand(4, 5).t();
        tensors["scalar"] = tensor(2.5);
        tensors["empty"] = zeros(0, 7);
        SafeTensors.Write(FilePath, tensors, new Dictionary<string, string> { ["format"] = "pt", ["note"] = "é" });

        using var read = SafeTensors.Read(FilePath);
        Assert.Equal(tensors.Keys.Order(StringComparer.Ordinal), read.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, expected) in tensors)
        {
            Assert.Equal(expected.dtype, read[name].dtype);
            Assert.Equal(expected.shape, read[name].shape);
            Assert.True(expected.Equals(read[name]), name);
        }
        Assert.Equal("é", read.Metadata["note"]);
        Assert.Equal([FilePath], Directory.GetFiles(folder));
    }

    [Fact]
    public void Write_StateDict_LoadsIntoAnotherModel()
    {
        using var scope = NewDisposeScope();
        using var one = new EmbeddingModel(OSNet.X025(), new GeMPooling(), new BNNeck(128), classes: 3);
        using var other = new EmbeddingModel(OSNet.X025(), new GeMPooling(), new BNNeck(128), classes: 3);
        SafeTensors.Write(FilePath, one.state_dict());
        Assert.True(other.LoadWeights(FilePath).IsExact);
        one.eval();
        other.eval();
        var images = rand(2, 3, 64, 32);
        Assert.True(one.Embed(images).Equals(other.Embed(images)));
    }

    [Fact]
    public void Write_RefusesByName()
    {
        using var scope = NewDisposeScope();
        var gone = rand(2);
        gone.Dispose();
        foreach (var (name, tensor, part) in new (string?, Tensor?, string)[]
        {
            ("a", null, "null for 'a'"), ("a", gone, "a disposed one for 'a'"), ("a\ud800", rand(2), @"'a\ud800'"),
            (null, rand(2), "got null"),
        })
        {
            KeyValuePair<string, Tensor>[] tensors = [new("fine", rand(1)), new(name!, tensor!)];
            foreach (var write in new Action[]
            {
                () => SafeTensors.Write(FilePath, tensors), () => TorchCheckpointFile.Write(FilePath, tensors),
                () => EmbeddingSpace.FingerprintOf(tensors),
            })
                Assert.Contains(part, Assert.Throws<ArgumentException>("tensors", write).Message, StringComparison.Ordinal);
        }
        foreach (var (key, value) in new[] { ("\ud800", "x"), ("x", "\ud800"), ("x", null!) })
            Assert.Throws<ArgumentException>("metadata",
                () => SafeTensors.Write(FilePath, [new("fine", rand(1))], new Dictionary<string, string> { [key] = value }));
        Assert.Empty(Directory.GetFiles(folder));
    }

    /// <summary>What the reader refuses is not written.</summary>
    [Fact]
    public void Write_RefusesWhatCannotBeRead()
    {
        using var scope = NewDisposeScope();
        var tiny = zeros(0);
        var names = Enumerable.Range(0, 40_000).Select(i => KeyValuePair.Create($"{i}", tiny)).ToArray();
        Assert.StartsWith("tensors must be at most 3", Assert.Throws<ArgumentException>("tensors",
            () => SafeTensors.Write(FilePath, names)).Message, StringComparison.Ordinal);
        Assert.StartsWith("tensors must be fewer or larger to be read again, got 40,000 in a file of ", Assert.Throws<ArgumentException>(
            "tensors", () => TorchCheckpointFile.Write(FilePath, names)).Message, StringComparison.Ordinal);
        TorchCheckpointFile.Write(FilePath, names.Take(10_000));
        using (var read = TorchCheckpointFile.Read(FilePath)) Assert.Equal(10_000, read.Count);
        SafeTensors.Write(FilePath, names.Take(32_768));
        using (var read = SafeTensors.Read(FilePath)) Assert.Equal(32_768, read.Count);
        File.Delete(FilePath);
        var deep = zeros([.. Enumerable.Repeat(1L, 65)]);
        foreach (var write in new Action[]
        {
            () => SafeTensors.Write(FilePath, [new("x", deep)]), () => TorchCheckpointFile.Write(FilePath, [new("x", deep)]),
            () => NumPyFile.Write(FilePath, deep), () => NumPyArchive.Write(FilePath, [new("x", deep)]),
        })
            Assert.Contains("at most 64 dimensions, got 65", Assert.Throws<ArgumentException>(write).Message, StringComparison.Ordinal);
        Assert.Contains("must take at most 100,000,000 bytes, the limit of the format, but take 100,000,",
            Assert.Throws<ArgumentException>("metadata", () => SafeTensors.Write(FilePath, [new("x", tiny)],
                new Dictionary<string, string> { ["long"] = new('x', 100_000_000) })).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder));
        deep = deep.squeeze(0);
        SafeTensors.Write(FilePath, [new("x", deep)]);
        using (var read = SafeTensors.Read(FilePath)) Assert.Equal(64, read["x"].dim());
        TorchCheckpointFile.Write(FilePath, [new("x", deep)]);
        using (var read = TorchCheckpointFile.Read(FilePath)) Assert.Equal(64, read["x"].dim());
    }

    [Fact]
    public void Write_ThatFails_LeavesTheOldFile()
    {
        using var scope = NewDisposeScope();
        SafeTensors.Write(FilePath, new Dictionary<string, Tensor> { ["a"] = ones(2) });
        var gone = ones(2);
        gone.Dispose();
        Assert.ThrowsAny<Exception>(() => SafeTensors.Write(FilePath, new Dictionary<string, Tensor> { ["b"] = gone }));
        var error = Assert.Throws<ArgumentException>(() => SafeTensors.Write(FilePath, new Dictionary<string,
            Tensor> { ["__metadata__"] = ones(2) }));
        Assert.StartsWith("tensors must have different names, not __metadata__", error.Message);
        error = Assert.Throws<ArgumentException>(() => SafeTensors.Write(FilePath, new Dictionary<string,
            Tensor> { ["c"] = ones(2, ScalarType.ComplexFloat32) }));
        Assert.StartsWith("tensors must be of a type that the format has, got ComplexFloat32 for 'c'", error.Message);
        using var read = SafeTensors.Read(FilePath);
        Assert.Equal(["a"], read.Keys);
        Assert.Equal([FilePath], Directory.GetFiles(folder));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, null)]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   """, 8, null)]
    [InlineData("{}", 0, null)]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "the tensors end at byte 8, the data at 9")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, "the tensors end at byte 8, the data at 7")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "F32 [3] needs 12")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8,
        "'a' begins at byte 4, but the tensor before it ends at 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8,
        "'b' begins at byte 4, but the tensor before it ends at 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""", 12,
        "'b' begins at byte 8")]
    [InlineData("""{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}""", 2,
        "'a' is of type F8_E4M3, which TorchSharp does not have")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "which is not valid for a tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}""", 8, "which is not valid for a tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "has the bytes 8 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[0.5],"data_offsets":[0,8]}}""", 8, "the header cannot be read")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", 8, "'a' lacks a dtype, a shape or two data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}}""", 8, "a field 'more' that is unknown or occurs twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}""", 8,
        "'a' occurs twice")]
    [InlineData("""{"__metadata__":{"x":3}}""", 0, "the header cannot be read")]
    [InlineData("""[]""", 0, "the header does not start with '{'")]
    [InlineData("""{"a":""", 0, "the header cannot be read")]
    [InlineData("""{"a":3}""", 0, "the header cannot be read")]
    public void Read_HeadersGoodAndBad(string header, int dataBytes, string? message)
    {
        var text = Encoding.UTF8.GetBytes(header);
        var stream = new MemoryStream([.. BitConverter.GetBytes((long)text.Length), .. text, .. new byte[dataBytes]]);
        if (message is null) SafeTensors.Read(stream).Dispose();
        else Assert.Contains(message, Assert.Throws<InvalidDataException>(() => SafeTensors.Read(stream)).Message);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    [InlineData(100)]
    public void Read_HeaderLongerThanTheFile_IsRefused(long length)
    {
        var stream = new MemoryStream([.. BitConverter.GetBytes(length), (byte)'{', (byte)'}']);
        Assert.Contains("the header declares", Assert.Throws<InvalidDataException>(() => SafeTensors.Read(stream)).Message);
        Assert.Contains("fewer than the 8", Assert.Throws<InvalidDataException>(() => SafeTensors.Read(new MemoryStream([1, 2]))).Message);
    }

    [Fact]
    public void Read_OfMutatedFiles_GivesTensorsOrInvalidDataException()
    {
        using var scope = NewDisposeScope();
        SafeTensors.Write(FilePath, new Dictionary<string, Tensor> { ["a"] = rand(2, 3), ["b"] = ones(3, ScalarType.Bool),
            ["c"] = arange(2) }, new Dictionary<string, string> { ["k"] = "v" });
        Fuzz.Mutations(File.ReadAllBytes(FilePath), file => SafeTensors.Read(new MemoryStream(file)));
        Fuzz.Truncations(File.ReadAllBytes(FilePath), file => SafeTensors.Read(new MemoryStream(file)));
    }

    [Fact]
    public void Write_ThenRead_OfRandomTensors() =>
        Fuzz.RoundTrips(FilePath, (path, tensors) => SafeTensors.Write(path, tensors), SafeTensors.Read);

    // The bytes that the format's specification asks for: u64 header length, a header that starts with '{' and is padded with spaces to 8
    // bytes, tensors little-endian in row order, without holes, and aligned to their elements because wider types come first.
    [Fact]
    public void Write_LaysTheBytesOutAsSpecified()
    {
        using var scope = NewDisposeScope();
        SafeTensors.Write(FilePath, new Dictionary<string, Tensor> { ["b"] = tensor(new byte[] { 7 }), ["w"] = tensor(new[] { 1.5, -2 }),
            ["a"] = tensor(new[,] { { 1, 2 }, { 3, 4 } }).t() },
            new Dictionary<string, string> { ["format"] = "pt" });
        var bytes = File.ReadAllBytes(FilePath);
        var length = (int)BitConverter.ToUInt64(bytes);
        Assert.Equal(0, length % 8);
        Assert.Equal(
            """{"__metadata__":{"format":"pt"},"w":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}"""
            + ""","a":{"dtype":"I32","shape":[2,2],"data_offsets":[16,32]},"b":{"dtype":"U8","shape":[1],"data_offsets":[32,33]}}""",
            Encoding.UTF8.GetString(bytes, 8, length).TrimEnd(' '));
        byte[] data = [.. BitConverter.GetBytes(1.5), .. BitConverter.GetBytes(-2.0), 1, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 7];
        Assert.Equal(data, bytes[(8 + length)..]);
    }

    [Fact]
    public void Indexer_OfAnUnknownName_ListsNearNames()
    {
        using var scope = NewDisposeScope();
        SafeTensors.Write(FilePath, new Dictionary<string, Tensor> { ["conv1.weight"] = ones(2), ["fc.weight"] = ones(2) });
        using var read = WeightFile.Read(FilePath);
        Assert.Equal("There is no tensor 'conv1.wieght'. Near names: conv1.weight, fc.weight (of 2).",
            Assert.Throws<KeyNotFoundException>(() => read["conv1.wieght"]).Message);
    }
}
