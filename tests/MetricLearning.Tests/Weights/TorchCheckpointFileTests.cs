using System.IO.Compression;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class TorchCheckpointFileTests
{
    [Fact]
    public void Read_StridedViewsThatShareAStorage()
    {
        var file = Root(b => b
            .Text("whole").Tensor("0", 6, [2, 3], [3, 1])
            .Text("transposed").Tensor("0", 6, [3, 2], [1, 3])
            .Text("column").Tensor("0", 6, [2], [3], offset: 1)
            .Text("scalar").Tensor("0", 6, [], [], offset: 5)
            .Text("empty").Tensor("0", 6, [0, 4], [4, 1])).Floats("0", 1, 2, 3, 4, 5, 6).Archive();
        using var weights = Read(file);
        Assert.Equal(["whole", "transposed", "column", "scalar", "empty"], weights.Keys);
        Assert.Equal([1, 2, 3, 4, 5, 6], Values(weights["whole"]));
        Assert.Equal([1, 4, 2, 5, 3, 6], Values(weights["transposed"]));
        Assert.Equal([2, 5], Values(weights["column"]));
        Assert.Equal([6], Values(weights["scalar"]));
        Assert.Equal([0, 4], weights["empty"].shape);
    }

    [Fact]
    public void Read_EveryType()
    {
        var builder = Root(b => b
            .Text("f64").Tensor("0", 1, [1], [1], type: "DoubleStorage").Text("f32").Tensor("1", 1, [1], [1])
            .Text("f16").Tensor("2", 1, [1], [1], type: "HalfStorage").Text("bf16").Tensor("3", 1, [1], [1], type: "BFloat16Storage")
            .Text("i64").Tensor("4", 1, [1], [1], type: "LongStorage").Text("i32").Tensor("5", 1, [1], [1], type: "IntStorage")
            .Text("i16").Tensor("6", 1, [1], [1], type: "ShortStorage").Text("i8").Tensor("7", 1, [1], [1], type: "CharStorage")
            .Text("u8").Tensor("8", 1, [1], [1], type: "ByteStorage").Text("bool").Tensor("9", 1, [1], [1], type: "BoolStorage"))
            .Storage("0", BitConverter.GetBytes(1.5), 1).Storage("1", BitConverter.GetBytes(1.5f), 1)
            .Storage("2", BitConverter.GetBytes((Half)1.5f), 1).Storage("3", BitConverter.GetBytes(1.5f)[2..], 1)
            .Storage("4", BitConverter.GetBytes(-7L), 1).Storage("5", BitConverter.GetBytes(-7), 1)
            .Storage("6", BitConverter.GetBytes((short)-7), 1).Storage("7", [unchecked((byte)-7)], 1)
            .Storage("8", [200], 1).Storage("9", [1], 1);
        foreach (var file in new[] { builder.Archive(), builder.Legacy() })
        {
            using var weights = Read(file);
            foreach (var name in new[] { "f64", "f32", "f16", "bf16" }) Assert.Equal([1.5f], Values(weights[name]));
            foreach (var name in new[] { "i64", "i32", "i16", "i8" }) Assert.Equal([-7], Values(weights[name]));
            Assert.Equal([200], Values(weights["u8"]));
            Assert.Equal(ScalarType.Bool, weights["bool"].dtype);
            Assert.Equal(ScalarType.BFloat16, weights["bf16"].dtype);
        }
    }

    [Fact]
    public void Read_LegacyForm()
    {
        var file = Root(b => b.Text("a").Tensor("k", 3, [3], [1], legacy: true).Text("b").Tensor("l", 1, [1], [1], legacy: true))
            .Floats("k", 1, 2, 3).Floats("l", 9).Legacy();
        using var weights = Read(file);
        Assert.Equal([1, 2, 3], Values(weights["a"]));
        Assert.Equal([9], Values(weights["b"]));
    }

    [Fact]
    public void Read_Parameters_AndTheMetadataOfAStateDict()
    {
        var builder = new TorchFileBuilder().OrderedDict().Begin().Text("p").Global("torch._utils", "_rebuild_parameter").Raw((byte)'(')
            .Tensor("0", 2, [2], [1]).Raw(0x88).OrderedDict().Raw((byte)'t', (byte)'R').End();
        // BUILD with {"_metadata": OrderedDict()}, as every state dict of PyTorch has it.
        builder.Raw((byte)'}').Text("_metadata").OrderedDict().Raw((byte)'s', (byte)'b').Floats("0", 4, 5);
        using var weights = Read(builder.Archive());
        Assert.Equal([4, 5], Values(weights["p"]));
    }

    [Fact]
    public void Read_Checkpoint_TakesTheStateDict_OrTheSectionNamed()
    {
        var file = Checkpoint("state_dict", "ema");
        using (var weights = Read(file)) Assert.Equal([1, 2], Values(weights["w"]));
        using (var weights = Read(file, "ema")) Assert.Equal([3, 4], Values(weights["w"]));
        var error = Assert.Throws<InvalidDataException>(() => Read(file, "emma"));
        Assert.Contains("it has no dictionary 'emma'. Near names: ema, ", error.Message);
        error = Assert.Throws<InvalidDataException>(() => Read(Checkpoint("first", "second")));
        Assert.Contains("several dictionaries in it hold tensors: name one of first, second as the section", error.Message);

        static byte[] Checkpoint(string first, string second) => Root(b => b
            .Text("epoch").Int(7)
            .Text(first).OrderedDict().Begin().Text("w").Tensor("0", 2, [2], [1]).End()
            .Text(second).OrderedDict().Begin().Text("w").Tensor("1", 2, [2], [1]).End()
            .Text("rate").Raw((byte)'G', 0x3f, 0xf0, 0, 0, 0, 0, 0, 0)).Floats("0", 1, 2).Floats("1", 3, 4).Archive();
    }

    [Fact]
    public void Read_OfAnythingElse_RunsNothingAndSaysWhatItWas()
    {
        static TorchFileBuilder Command(TorchFileBuilder b) =>
            b.Text("x").Global("os", "system").Raw((byte)'(').Text("touch /tmp/never").Raw((byte)'t', (byte)'R');
        var error = Assert.Throws<InvalidDataException>(() => Read(Root(Command).Archive()));
        Assert.Contains("no dictionary in it holds tensors; it has x (of os.system). Nothing of it was run.", error.Message);
        using var weights = Read(Root(b => Command(b).Text("w").Tensor("0", 1, [1], [1])).Floats("0", 3).Archive());
        Assert.Equal([3], Values(weights["w"]));
        Assert.False(File.Exists("/tmp/never"));
    }

    // libtorch writes no state dicts from C++, but its archive is the same container as that of torch.save: checksums, padding, byte order.
    [Fact]
    public void Read_ArchiveOfLibtorch_IsReadAsTorchScript()
    {
        using var scope = NewDisposeScope();
        var path = Path.GetTempFileName();
        try
        {
            var saved = rand(3, 4);
            save(saved, path);
            using var weights = TorchCheckpointFile.Read(path);
            Assert.True(saved.Equals(Assert.Single(weights).Value));
        }
        finally
        {
            File.Delete(path);
        }
    }

    // count, shape, strides, offset, what the message says
    public static TheoryData<long, long[], long[], long, string> BadTensors => new()
    {
        { 4, [5], [1], 0, "does not lie in its storage of 4 elements" },
        { 4, [2, 2], [3, 1], 0, "does not lie in its storage" },
        { 4, [4], [1], 1, "does not lie in its storage" },
        { 4, [1L << 40], [0], 0, "does not lie in its storage" },
        { 4, [4], [-1], 3, "is not valid" },
        { 4, [-4], [1], 0, "is not valid" },
        { 4, [4], [1], -1, "is not valid" },
        { 4, [2, 2], [1], 0, "is not valid" },
        { 4, [1L << 40, 1L << 40], [1, 1], 0, "is not valid" },
        { 4, [2], [long.MaxValue], 4, "does not lie in its storage" },
        { 5, [4], [1], 0, "storage 0 has 16 bytes, 5 elements of Float32 have 20" },
        { 3, [3], [1], 0, "storage 0 has 16 bytes, 3 elements of Float32 have 12" },
        { 1L << 61, [4], [1], 0, "storage 0 has 2305843009213693952 elements" },
    };

    [Theory]
    [MemberData(nameof(BadTensors))]
    public void Read_TensorsThatTheFileDoesNotHold_AreRefused(long count, long[] shape, long[] strides, long offset, string message)
    {
        var file = Root(b => b.Text("x").Tensor("0", count, shape, strides, offset)).Floats("0", 1, 2, 3, 4).Archive();
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Read(file)).Message);
    }

    /// <summary>The list of an archive's entries is at its end, so every file that is cut off lacks it.</summary>
    [Fact]
    public void Read_AFileThatIsCutOff_SaysSo()
    {
        var path = Path.GetTempFileName();
        try
        {
            using (NewDisposeScope()) TorchCheckpointFile.Write(path, [new("w", ones(100))]);
            var whole = File.ReadAllBytes(path);
            foreach (var length in new[] { 50, whole.Length / 2, whole.Length - 22 })
                Assert.Contains("The file is cut off", Assert.Throws<InvalidDataException>(() => Read(whole[..length])).Message);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Read_DamagedFiles_AreRefused()
    {
        var builder = Root(b => b.Text("x").Tensor("0", 4, [4], [1])).Floats("0", 1, 2, 3, 4);
        Assert.Contains("compressed", Message(builder.Archive(CompressionLevel.SmallestSize)));
        var flipped = builder.Archive();
        var data = flipped.AsSpan().IndexOf(BitConverter.GetBytes(2f).AsSpan());
        flipped[data + 2] ^= 1;
        Assert.Contains("its checksum differs from that in the archive", Message(flipped));
        Assert.Contains("is not in the archive", Message(Root(b => b.Text("x").Tensor("1", 4, [4], [1])).Floats("0", 1, 2, 3, 4)
            .Archive()));
        Assert.Contains("neither a zip archive nor a pickle", Message([1, 2, 3, 4]));
        Assert.Contains("neither a zip archive nor a pickle", Message([]));
        Assert.Contains("is a pickle, but not one of torch.save", Message([0x80, 2, (byte)'K', 1, (byte)'.']));
        Assert.Contains("its outermost object is not a dictionary", Message(new TorchFileBuilder().Text("x").Archive()));
        Assert.Contains("no dictionary in it holds tensors; it has epoch", Message(Root(b => b.Text("epoch").Int(3)).Archive()));
        Assert.Contains("holds bytes other than 0 and 1", Message(Root(b => b.Text("x").Tensor("0", 1, [1], [1], type: "BoolStorage"))
            .Storage("0", [7], 1).Archive()));
        Assert.Contains("storage 0 has 3 elements, but its tensors say 4",
            Message(Root(b => b.Text("x").Tensor("0", 4, [4], [1], legacy: true)).Storage("0", new byte[16], 3).Legacy()));
        Assert.Contains("it ends within storage 0", Message(Root(b => b.Text("x").Tensor("0", 4, [4], [1], legacy: true))
            .Storage("0", new byte[12], 4).Legacy()));

        static string Message(byte[] file) => Assert.Throws<InvalidDataException>(() => Read(file)).Message;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_OfMutatedFiles_GivesTensorsOrInvalidDataException(bool legacy)
    {
        var builder = Root(b => b
            .Text("a").Tensor("0", 6, [2, 3], [3, 1], legacy: legacy).Text("b")
                .Tensor("1", 2, [2], [1], type: "LongStorage", legacy: legacy)
            .Text("n").Int(5).Text("inner").OrderedDict().Begin().Text("c").Tensor("0", 6, [3], [2], legacy: legacy).End())
            .Floats("0", 1, 2, 3, 4, 5, 6).Storage("1", new byte[16], 2);
        var whole = legacy ? builder.Legacy() : builder.Archive();
        Fuzz.Mutations(whole, file => Read(file));
        Fuzz.Truncations(whole, file => Read(file));
        var instructions = builder.Finished[2..^1];
        Fuzz.Pickles(pickle => legacy ? builder.Pickle(pickle).Legacy() : builder.Pickle(pickle).Archive(), instructions,
            file => Read(file));
    }

    [Fact]
    public void Read_WholeNumbersOfManyBytes_AreRefused()
    {
        var file = Root(b => b.Text("n").Raw(0x8b, 0, 1, 0, 0).Raw(new byte[256])).Archive();
        Assert.Contains("with a whole number of 256 bytes", Assert.Throws<InvalidDataException>(() => Read(file)).Message);
    }

    // The directory of an archive may name the same bytes many times. Read one by one, they would fill the memory.
    [Fact]
    public void Read_EntriesThatLieOverOneAnother_AreRefused()
    {
        var builder = new TorchFileBuilder().OrderedDict().Begin();
        for (var i = 0; i < 40; i++) builder.Text($"t{i}").Tensor($"{i}", 1000, [1000], [1]);
        builder.End().Storage("0", new byte[4000], 1000);
        var file = builder.Archive().ToList();
        var end = file.Count - 22;
        var directory = (int)BitConverter.ToUInt32([.. file[(end + 16)..(end + 20)]]);
        var last = Enumerable.Range(directory, end - directory).Last(at => file[at] == 'P' && file[at + 1] == 'K' && file[at + 2] == 1
            && file[at + 3] == 2);
        var entry = file[last..end];
        for (var i = 1; i < 40; i++)
        {
            // The same entry under the next storage's name, of one or two digits.
            var name = $"archive/data/{i}";
            List<byte> copy = [.. entry[..46], .. System.Text.Encoding.ASCII.GetBytes(name)];
            (copy[28], copy[30]) = ((byte)name.Length, 0);
            file.InsertRange(file.Count - 22, copy);
        }
        var count = BitConverter.GetBytes((ushort)(BitConverter.ToUInt16([.. file[^12..^10]]) + 39));
        var size = BitConverter.GetBytes(file.Count - 22 - directory);
        for (var i = 0; i < 2; i++) (file[file.Count - 14 + i], file[file.Count - 12 + i]) = (count[i], count[i]);
        for (var i = 0; i < 4; i++) file[file.Count - 10 + i] = size[i];
        Assert.Contains("its entries are longer than the file together",
            Assert.Throws<InvalidDataException>(() => Read([.. file])).Message);
    }

    [Fact]
    public void Write_ThenRead_OfRandomTensors()
    {
        var path = Path.GetTempFileName();
        try
        {
            Fuzz.RoundTrips(path, TorchCheckpointFile.Write, file => WeightFile.Read(file));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Write_MakesTheContainerOfTorchSave()
    {
        using var scope = NewDisposeScope();
        var path = Path.GetTempFileName();
        try
        {
            TorchCheckpointFile.Write(path, new Dictionary<string, Tensor> { ["w"] = tensor(new[,] { { 1f, 2f }, { 3f, 4f } }).t(),
                ["n"] = tensor(3L) });
            using var zip = ZipFile.OpenRead(path);
            Assert.Equal(["archive/data.pkl", "archive/byteorder", "archive/data/0", "archive/data/1", "archive/version"],
                zip.Entries.Select(entry => entry.FullName));
            Assert.All(zip.Entries, entry => Assert.Equal(entry.Length, entry.CompressedLength));
            using var data = new BinaryReader(zip.GetEntry("archive/data/0")!.Open());
            Assert.Equal([1f, 3f, 2f, 4f], Enumerable.Range(0, 4).Select(_ => data.ReadSingle()));
            Assert.StartsWith("tensors must have different names", Assert.Throws<ArgumentException>(
                () => TorchCheckpointFile.Write(path, [KeyValuePair.Create("a", ones(1)), KeyValuePair.Create("a", ones(1))])).Message);
            Assert.StartsWith("tensors must be of a type that the format has, got ComplexFloat32 for 'c'",
                Assert.Throws<ArgumentException>(() => TorchCheckpointFile.Write(path,
                    [KeyValuePair.Create("c", ones(1, ScalarType.ComplexFloat32))])).Message);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static TorchFileBuilder Root(Func<TorchFileBuilder, TorchFileBuilder> fill) =>
        fill(new TorchFileBuilder().OrderedDict().Begin()).End();

    private static NamedTensors Read(byte[] file, string? section = null) => TorchCheckpointFile.Read(new MemoryStream(file), section);

    private static float[] Values(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.to(ScalarType.Float32).contiguous().data<float>().ToArray();
    }
}
