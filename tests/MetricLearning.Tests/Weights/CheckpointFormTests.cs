using System.IO.Compression;
using System.Text;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests every common form of checkpoint: it is read as PyTorch reads it, or refused with a message that names it.</summary>
[LeavesNoTensors]
public sealed class CheckpointFormTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("checkpoints").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    // Objects other than weights. The tests put each under the key "x".
    public static TheoryData<string> Beside => [.. things.Keys];

    private static readonly Dictionary<string, Func<TorchFileBuilder, TorchFileBuilder>> things = new()
    {
        ["a tensor"] = b => b.Tensor("1", 1, [], []),
        ["a sparse tensor"] = b => b.Call("torch._utils", "_rebuild_sparse_tensor", inner => inner.Int(0).Tuple(1, 2)),
        ["a NumPy scalar"] = b => b.Call("numpy.core.multiarray", "scalar", inner => inner
            .Call("numpy", "dtype", type => type.Text("f8").Int(0).Int(1))
                .Call("_codecs", "encode", text => text.Text("ab").Text("latin1"))),
        ["a NumPy array"] = b => b.Call("numpy.core.multiarray", "_reconstruct", inner => inner.Global("numpy", "ndarray").Tuple(0)
            .Raw((byte)'C', 1, (byte)'b')).Raw((byte)'(').Int(1).Tuple(2).Raw((byte)'t', (byte)'b'),
        ["a Counter"] = b => b.Call("collections", "Counter", inner => inner.Dictionary(counts => counts.Int(3).Int(1))),
        ["a Namespace"] = b => b.Object("argparse", "Namespace", inner => inner.Text("lr").Int(1)),
        ["a defaultdict"] = b => b.Call("collections", "defaultdict", inner => inner.Global("builtins", "list"))
            .Raw((byte)'(').Int(1).Int(2).Raw((byte)'u'),
        ["a list subclass"] = b => b.Global("mine", "List").Raw((byte)')', 0x81).Raw((byte)'(').Int(1).Int(2).Raw((byte)'e'),
        ["a set of protocol 2"] = b => b.Call("__builtin__", "set", inner => inner.Raw((byte)']', (byte)'(').Int(1).Raw((byte)'e')),
        ["a set of protocol 4"] = b => b.Raw(0x8f, (byte)'(').Int(1).Raw(0x90),
        ["a frozenset"] = b => b.Raw((byte)'(').Int(1).Raw(0x91),
        ["a device"] = b => b.Call("torch", "device", inner => inner.Text("cuda").Int(0)),
        ["a dtype"] = b => b.Global("torch", "float32"),
        ["bytes"] = b => b.Raw((byte)'C', 2, 1, 2),
        ["a bytearray"] = b => b.Raw(0x96, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2),
        ["a path"] = b => b.Call("pathlib", "PosixPath", inner => inner.Text("/").Text("x")),
        ["a date"] = b => b.Call("datetime", "datetime", inner => inner.Raw((byte)'C', 2, 1, 2)),
        ["an unknown object with slots"] = b => b.Call("copyreg", "_reconstructor", inner => inner.Global("mine", "Meter")
            .Global("builtins", "object").Raw((byte)'N')).Raw((byte)'N').Dictionary(slots => slots.Text("sum").Int(2)).Raw(0x86, (byte)'b'),
        ["an object with arguments by name"] = b => b.Global("mine", "Config").Raw((byte)')').Dictionary(named => named.Text("a").Int(1))
            .Raw(0x92),
        ["the result of a result"] = b => b.Call("builtins", "getattr", inner => inner.Global("mine", "Kind").Text("of"))
            .Raw((byte)')', (byte)'R'),
        ["a name of protocol 4"] = b => b.Text("mine").Text("Kind").Raw(0x93),
        ["numbers and text of protocol 0"] = b => b.Raw((byte)'(').Raw("I12\nI01\nL5L\nF2.5\nS'a'\nVb\n"u8.ToArray()).Raw((byte)'t'),
        ["what contains itself"] = b => b.Raw((byte)'}', (byte)'q', 200).Raw((byte)'(').Text("me").Raw((byte)'h', 200).Raw((byte)'u'),
    };

    [Theory]
    [MemberData(nameof(Beside))]
    public void ObjectsThatAreNotTensors_DoNotMakeAFileUnreadable(string thing)
    {
        var state = (TorchFileBuilder b) => b.Text("state_dict").OrderedDict().Begin().Text("w").Tensor("0", 2, [2], [1]).End();
        foreach (var built in new[] { Root(b => state(things[thing](b.Text("x")))), Root(b => things[thing](state(b).Text("x"))) })
        {
            built.Floats("0", 1, 2).Floats("1", 70);
            foreach (var file in new[] { built.Archive(), built.Legacy() })
            {
                using var weights = Read(file);
                Assert.Equal([1, 2], Values(Assert.Single(weights).Value));
                Assert.Equal("state_dict", weights.Sections[0].Path);
            }
        }
    }

    [Fact]
    public void TheBestSection_IsChosen_AndTheOthersAreListed()
    {
        // The section "model" lies deep. Before it come a larger section, a smaller one, and an optimizer's.
        var file = Root(b => b
            .Text("best_acc1").Tensor("0", 6, [], [])
            .Text("optimizer").Dictionary(o => o.Text("state").Dictionary(s => s.Int(0).Dictionary(t => t
                .Text("exp_avg").Tensor("0", 6, [1], [1]).Text("step").Tensor("0", 6, [], []))))
            .Text("ema").Dictionary(e => Tensors(e, "a", "b", "c"))
            .Text("run").Raw((byte)']').Dictionary(r => r.Text("model").Dictionary(m => Tensors(m, "a", "b"))).Raw((byte)'a'))
            .Floats("0", 1, 2, 3, 4, 5, 6).Archive();
        using var weights = Read(file);
        Assert.Equal(["a", "b"], weights.Keys);
        Assert.Equal([new("run.0.model", 2), new("", 1), new("optimizer.state.0", 2), new("ema", 3)], weights.Sections);
        foreach (var section in weights.Sections)
        {
            using var other = Read(file, section.Path);
            Assert.Equal(section.Tensors, other.Count);
            Assert.Equal(section, other.Sections[0]);
        }
        var path = Save("sections.pth", file);
        Assert.Equal(weights.Sections, WeightFile.Sections(path));
        Assert.StartsWith($"{path}: Not a PyTorch file that can be read: it has no dictionary 'run.model'. Near names: run.0.model, ",
            Assert.Throws<InvalidDataException>(() => WeightFile.Read(path, "run.model")).Message);
    }

    [Fact]
    public void WithoutANamedSection_TheLargestIsChosen_AndADetailIsNot()
    {
        using (var largest = Read(Root(b => b.Text("first").Dictionary(d => Tensors(d, "a")).Text("second")
            .Dictionary(d => Tensors(d, "a", "b"))
            .Text("loss").Tensor("0", 6, [], [])).Floats("0", 1, 2, 3, 4, 5, 6).Archive()))
            Assert.Equal("second", largest.Sections[0].Path);
        using var whole = Read(Root(b => Tensors(b, "a", "b").Text("weights").Dictionary(d => Tensors(d, "of_classes")))
            .Floats("0", 1, 2, 3, 4, 5, 6).Archive());
        Assert.Equal(["a", "b"], whole.Keys);
    }

    [Fact]
    public void OlderForms_OfTensorsAndParameters()
    {
        static TorchFileBuilder Old(TorchFileBuilder b) => b.Call("torch._utils", "_rebuild_tensor", t => Slot(t).Int(1).Tuple(2).Tuple(1));
        var builder = Root(b => Old(b.Text("0.3"))
            .Text("variable").Call("torch.autograd.variable", "Variable", v => Old(v)).Raw(0x89, 0x89).OrderedDict().Raw(0x87, (byte)'b')
            // A Parameter by NEWOBJ, whose state is data, gradient, hooks and two flags; then one whose argument is the data.
            .Text("newobj").Global("torch.nn.parameter", "Parameter").Raw((byte)')', 0x81).Raw((byte)'(')
            .Tensor("0", 3, [3], [1]).Raw((byte)'N').OrderedDict().Raw(0x88, 0x89, (byte)'t', (byte)'b')
            .Text("newobj2").Global("torch.nn.parameter", "Parameter").Tensor("0", 3, [1], [1]).Raw(0x85, 0x81)
            // A tensor whose state is storage, offset, sizes and strides.
            .Text("state").Global("torch", "FloatTensor").Raw((byte)')', 0x81, (byte)'(').Apply(Slot).Int(0).Tuple(3).Tuple(1)
            .Raw((byte)'t', (byte)'b')
            .Text("subclass").Call("torch._tensor", "_rebuild_from_type_v2", t => t.Global("torch._utils", "_rebuild_tensor")
                .Global("mine", "Tensor").Raw((byte)'(').Apply(Slot).Int(2).Tuple(1).Tuple(1).Raw((byte)'t', (byte)'N'))
            .Text("state2").Call("torch._utils", "_rebuild_parameter_with_state", t => Old(t).Raw(0x88).OrderedDict().Raw((byte)'}'))
            .Text("expanded").Tensor("0", 3, [2, 3], [0, 1]).Text("repeated").Tensor("0", 3, [4], [0], offset: 2)
            .Text("windows").Tensor("0", 3, [2, 2], [1, 1]))
            .Floats("0", 1, 2, 3);
        foreach (var file in new[] { builder.Archive(), builder.Legacy() })
        {
            using var weights = Read(file);
            foreach (var name in new[] { "0.3", "variable", "state2" }) Assert.Equal([2, 3], Values(weights[name]));
            foreach (var name in new[] { "newobj", "state" }) Assert.Equal([1, 2, 3], Values(weights[name]));
            Assert.Equal([1], Values(weights["newobj2"]));
            Assert.Equal([3], Values(weights["subclass"]));
            Assert.Equal([1, 2, 3, 1, 2, 3], Values(weights["expanded"]));
            Assert.Equal([3, 3, 3, 3], Values(weights["repeated"]));
            Assert.Equal([1, 2, 2, 3], Values(weights["windows"]));
        }

        static TorchFileBuilder Slot(TorchFileBuilder b) =>
            b.Raw((byte)'(').Text("storage").Global("torch", "FloatStorage").Text("0").Text("cpu").Int(3).Raw((byte)'t', (byte)'Q');
    }

    [Fact]
    public void StoragesThatArePartsOfOthers_OfPyTorchBefore04()
    {
        var file = Root(b => b.Text("part").Call("torch._utils", "_rebuild_tensor", t => t.Raw((byte)'(').Text("storage")
            .Global("torch", "FloatStorage").Text("0").Text("cpu").Int(4).Raw((byte)'(').Text("view").Int(1).Int(2)
            .Raw((byte)'t', (byte)'t', (byte)'Q').Int(0).Tuple(2).Tuple(1))).Floats("0", 1, 2, 3, 4);
        using var weights = Read(file.Legacy());
        Assert.Equal([2, 3], Values(weights["part"]));
    }

    [Fact]
    public void ComplexTensors_AreRead_AndNotLoadedIntoRealOnes()
    {
        using var scope = NewDisposeScope();
        var file = Root(b => b.Text("weight").Tensor("0", 2, [1, 2], [2, 1], type: "ComplexFloatStorage")
            .Text("bias").Tensor("1", 1, [1], [1], type: "ComplexDoubleStorage"))
            .Storage("0", Bytes(1f, -2f, 3f, 4f), 2).Storage("1", [.. BitConverter.GetBytes(5.0), .. BitConverter.GetBytes(6.0)], 1);
        foreach (var bytes in new[] { file.Archive(), file.Legacy() })
        {
            using var weights = Read(bytes);
            Assert.Equal([1, 3], Values(weights["weight"].real));
            Assert.Equal([-2, 4], Values(weights["weight"].imag));
            Assert.Equal(ScalarType.ComplexFloat64, weights["bias"].dtype);
            using var model = nn.Linear(2, 1);
            Assert.Equal("'weight' is complex, and 'weight' in the model is not: its imaginary part would be lost.",
                Assert.Throws<InvalidDataException>(() => model.LoadWeights(weights, strict: false)).Message);
        }
    }

    [Theory]
    [InlineData("_rebuild_sparse_tensor", "'w' is sparse, which is not read: save it as tensor.to_dense()")]
    [InlineData("_rebuild_sparse_csr_tensor", "'w' is sparse")]
    [InlineData("_rebuild_qtensor", "'w' is quantized, which is not read: save it as tensor.dequantize()")]
    [InlineData("_rebuild_meta_tensor_no_storage", "'w' is on the device 'meta', that is, without values")]
    [InlineData("_rebuild_nested_tensor", "'w' is made by torch._utils._rebuild_nested_tensor, which is not known")]
    public void TensorsThatAreNotRead_AreNamed(string function, string message)
    {
        var file = Root(b => b.Text("w").Call("torch._utils", function, t => t.Int(0)).Text("v").Tensor("0", 1, [1], [1])).Floats("0", 1);
        var path = Save("w.pth", file.Archive());
        var error = Assert.Throws<InvalidDataException>(() => WeightFile.Read(path));
        Assert.StartsWith($"{path}: ", error.Message);
        Assert.Contains(message, error.Message);
    }

    /// <summary>Adds a tensor in a storage without a type, which holds bytes, as torch.save writes it.</summary>
    private static TorchFileBuilder Typed(TorchFileBuilder b, string type, int bytes = 8, int offset = 0) =>
        b.Call("torch._utils", "_rebuild_tensor_v3", t => t.Raw((byte)'(')
            .Text("storage").Global("torch.storage", "UntypedStorage").Text("0").Text("cpu").Int(bytes).Raw((byte)'t', (byte)'Q')
            .Int(offset).Tuple(2).Tuple(1).Raw(0x89).OrderedDict().Global("torch", type).Raw((byte)'N'));

    [Theory]
    [InlineData("uint16", 2, ScalarType.Int32, new long[] { 65535, 1 }, new long[] { 1, 40000 })]
    [InlineData("uint32", 4, ScalarType.Int64, new long[] { 4294967295, 1 }, new long[] { 1, 3000000000 })]
    [InlineData("uint64", 8, ScalarType.Int64, new[] { long.MaxValue, 1 }, new long[] { 1, 0 })]
    public void UnsignedIntegers_BecomeWiderSignedOnes(string type, int size, ScalarType expected, long[] first, long[] second)
    {
        long[] all = [.. first, second[1]];
        var bytes = all.SelectMany(number => BitConverter.GetBytes(number)[..size]).ToArray();
        // Two tensors in one storage, the second from its second element on.
        var file = Root(b => Typed(Typed(b.Text("w"), type, bytes.Length).Text("v"), type, bytes.Length, offset: 1))
            .Storage("0", bytes, bytes.Length);
        foreach (var form in new[] { file.Archive(), file.Legacy() })
        {
            using var scope = NewDisposeScope();
            using var weights = Read(form);
            Assert.Equal(expected, weights["w"].dtype);
            Assert.Equal(first, weights["w"].to(ScalarType.Int64).data<long>().ToArray());
            Assert.Equal(second, weights["v"].to(ScalarType.Int64).data<long>().ToArray());
        }
    }

    [Fact]
    public void UnsignedIntegersThatInt64DoesNotHold_AreAnError()
    {
        var path = Save("u.pth",
            Root(b => Typed(b.Text("w"), "uint64", 16)).Storage("0", [.. new byte[8], .. Bytes(-1f, -1f)], 16).Archive());
        Assert.Equal($"{path}: An unsigned number of 64 bits is larger than int64 holds.",
            Assert.Throws<InvalidDataException>(() => WeightFile.Read(path)).Message);
    }

    /// <summary>PyTorch 2 saves the results of <c>neg()</c> of an imaginary part and of <c>conj()</c> as a mark and the original
    /// numbers.</summary>
    [Fact]
    public void MarksOfNegatedAndConjugatedTensors_AreApplied()
    {
        static TorchFileBuilder Marked(TorchFileBuilder b, string mark, string type, long count, params long[] strides) =>
            b.Call("torch._utils", "_rebuild_tensor_v2", t => t.Raw((byte)'(').Text("storage").Global("torch", type)
                .Text(type == "FloatStorage" ? "0" : "1").Text("cpu").Int(count).Raw((byte)'t', (byte)'Q').Int(0).Tuple(2).Tuple(strides)
                .Raw(0x89).OrderedDict().Dictionary(d => d.Text(mark).Raw(0x88)));
        var file = Root(b => b.Text("neg").Apply(t => Marked(t, "neg", "FloatStorage", 4, 2))
            .Text("conj").Apply(t => Marked(t, "conj", "ComplexFloatStorage", 2, 1))
            .Text("neither").Apply(t => Marked(t, "other", "FloatStorage", 4, 2)))
            .Floats("0", 1, 2, -3, 4).Storage("1", Bytes(1f, -2f, 3f, 4f), 2);
        using var scope = NewDisposeScope();
        using var weights = Read(file.Archive());
        Assert.Equal([-1, 3], Values(weights["neg"]));
        Assert.Equal([1, -3], Values(weights["neither"]));
        Assert.Equal([1, 3], Values(weights["conj"].real));
        Assert.Equal([2, -4], Values(weights["conj"].imag));
    }

    /// <summary>Before PyTorch 1.6 the protocol could be chosen too. Protocol 1 has no protocol number at its beginning; PyTorch reads no
    /// tensors of protocol 0.</summary>
    [Fact]
    public void PicklesOfProtocol1_AreRead_AndOfProtocol0_AreNamed()
    {
        byte[] start = [.. "L119547037146038801333356L\n.M"u8, 0xe9, 3, .. ".}(X"u8, 13, 0, 0, 0, .. "little_endianI01\nu."u8];
        byte[] end = [.. "](X"u8, 1, 0, 0, 0, .. "0e."u8, .. BitConverter.GetBytes(2L), .. Bytes(1, 2)];
        byte[] tensor =
        [
            .. "ctorch._utils\n_rebuild_tensor_v2\n((X"u8, 7, 0, 0, 0, .. "storagectorch\nFloatStorage\nX"u8, 1, 0, 0, 0,
            .. "0X"u8, 3, 0, 0, 0, .. "cpuK\u0002NtQK\0(K\u0002t(K\u0001tI00\nNtR"u8,
        ];
        var path = Save("one.pth", [.. start, .. "}(X"u8, 1, 0, 0, 0, (byte)'w', .. tensor, .. "u."u8, .. end]);
        using (var weights = WeightFile.Read(path)) Assert.Equal([1, 2], Values(weights["w"]));
        var zero = Save("zero.pth", [.. "L119547037146038801333356L\n.I1001\n.(dVlittle_endian\nI01\ns."u8,
            .. "(dVw\nctorch._utils\n_rebuild_tensor_v2\n(P('storage', torch.FloatStorage, '0', 'cpu', 2, None)\n"u8,
            .. "I0\n(I2\nt(I1\ntI00\nNtRs."u8, .. end]);
        Assert.Equal($"{zero}: Not a PyTorch file that can be read: its pickle is of protocol 0, which PyTorch does not read either: "
            + "save it with another protocol.", Assert.Throws<InvalidDataException>(() => WeightFile.Read(zero)).Message);
    }

    [Fact]
    public void FilesWithoutNamedTensors_AreNamed()
    {
        static TorchFileBuilder One(TorchFileBuilder b) => b.Tensor("0", 1, [1], [1]);
        Named("it holds one tensor without a name: save it in a dictionary", One(new()));
        Named("it holds a list without a dictionary of tensors", new TorchFileBuilder().Raw((byte)']').Apply(One).Raw((byte)'a'));
        Named("its tensors have no names: the keys of its dictionary are not texts",
            new TorchFileBuilder().Raw((byte)'}').Int(0).Apply(One).Raw((byte)'s'));
        Named("it holds an empty dictionary", new TorchFileBuilder().Raw((byte)'}'));
        Named("it holds arrays of NumPy in place of tensors: save torch.from_numpy of each. It has state_dict",
            Root(b => b.Text("state_dict").Dictionary(d => things["a NumPy array"](d.Text("w")))));
        Named("is compressed, which torch.save never does: unpack the archive and pack it without compression (zip -0)",
            new TorchFileBuilder().Pickle(new byte[1000]), CompressionLevel.SmallestSize);

        static void Named(string message, TorchFileBuilder file, CompressionLevel level = CompressionLevel.NoCompression) =>
            Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Read(file.Floats("0", 1).Archive(level))).Message,
                StringComparison.Ordinal);
    }

    /// <summary>Programs differ in which of two entries with the same name they read.</summary>
    [Fact]
    public void ArchivesWithAnEntryTwice_AreRefused()
    {
        var file = Root(b => b.Text("w").Tensor("0", 1, [1], [1])).Floats("0", 1)
            .Archive(more: [("archive/data/0", Bytes(2), CompressionLevel.NoCompression)]);
        Assert.Contains("it has archive/data/0 twice", Assert.Throws<InvalidDataException>(() => Read(file)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void ElementTypesOutsideTorchSharp_AreNamed_AndOthersOfUntypedStorages_AreRead()
    {
        using (var weights = Read(Root(b => Typed(b.Text("w"), "float32")).Storage("0", Bytes(1f, 2f), 8).Archive()))
            Assert.Equal([1, 2], Values(weights["w"]));
        Assert.Contains("'w' is of type torch.float8_e4m3fn, which TorchSharp does not have", Assert.Throws<InvalidDataException>(
            () => Read(Root(b => Typed(b.Text("w"), "float8_e4m3fn")).Storage("0", new byte[8], 8).Archive())).Message);
    }

    [Fact]
    public void TarArchives_OfBefore0111_AreRead()
    {
        var builder = new TorchFileBuilder().OrderedDict().Begin().Text("conv.weight").Global("torch.nn.parameter", "Parameter")
            .Raw((byte)')', 0x81, (byte)'(').Reference(20).Raw((byte)'N').OrderedDict().Raw(0x88, 0x89, (byte)'t', (byte)'b')
            .Text("conv.bias").Reference(21).Text("part").Reference(22).End().Floats("10", 1, 2, 3, 4, 5, 6).Floats("11", 7);
        var file = builder.Tar([(20, 10, [3, 2], [1, 3], 0), (21, 11, [1], [1], 0), (22, 12, [2], [1], 0)], [(12, 10, 4, 2)]);
        using (var weights = WeightFile.Read(Save("resnet18.pth", file)))
        {
            Assert.Equal([1, 4, 2, 5, 3, 6], Values(weights["conv.weight"]));
            Assert.Equal([7], Values(weights["conv.bias"]));
            Assert.Equal([5, 6], Values(weights["part"]));
        }
        Fuzz.Mutations(file, bytes => Read(bytes));
        Assert.Contains("a tar archive without 'storages', so not one of torch.save. If it holds the file, unpack it",
            Assert.Throws<InvalidDataException>(() => Read(OtherTar())).Message);

        static byte[] OtherTar()
        {
            var output = new MemoryStream();
            using (var tar = new System.Formats.Tar.TarWriter(output, leaveOpen: true))
                tar.WriteEntry(new System.Formats.Tar.UstarTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "model.pth")
                    { DataStream = new MemoryStream([1]) });
            return output.ToArray();
        }
    }

    [Fact]
    public void ModulesSavedWhole_GiveTheirStateDict()
    {
        static TorchFileBuilder Module(TorchFileBuilder b, Func<TorchFileBuilder, TorchFileBuilder> parameters,
            Func<TorchFileBuilder, TorchFileBuilder> buffers, Func<TorchFileBuilder, TorchFileBuilder> modules) =>
            b.Object("mine", "Net", o => o.Text("training").Raw(0x88).Text("_parameters").Dictionary(parameters).Text("_buffers")
                .Dictionary(buffers).Text("_non_persistent_buffers_set").Call("builtins", "set", s => s.Raw((byte)']').Text("scratch")
                .Raw((byte)'a')).Text("_modules").Dictionary(modules));
        static TorchFileBuilder Net(TorchFileBuilder b) => Module(b, p => Tensors(p, "w").Text("none").Raw((byte)'N'),
            n => Tensors(n, "mean", "scratch"), m => m.Text("inner").Apply(i => Module(i, p => Tensors(p, "w"), n => n, none => none)));
        foreach (var built in new[] { Net(new TorchFileBuilder()), Root(b => b.Text("epoch").Int(1).Text("model").Apply(Net)) })
        {
            built.Floats("0", 1, 2, 3, 4, 5, 6);
            foreach (var file in new[] { built.Archive(), built.Legacy() })
            {
                using var weights = Read(file);
                Assert.Equal(["w", "mean", "inner.w"], weights.Keys);
            }
        }
    }

    [Fact]
    public void TorchScript_GivesItsParameters()
    {
        static TorchFileBuilder Script(TorchFileBuilder b, string name, Func<TorchFileBuilder, TorchFileBuilder> attributes) =>
            b.Object("__torch__.mine", name, o => attributes(o.Text("training").Raw(0x89)));
        var builder = Script(new TorchFileBuilder(), "Net", o => Tensors(o, "scale").Text("fc").Apply(i => Script(i, "Linear",
            l => Tensors(l, "weight", "bias")))).Floats("0", 1, 2, 3, 4, 5, 6);
        // Code is compressed, and longer than the whole file.
        var file = builder.Archive(more: [("archive/code/__torch__/mine.py", new byte[100_000], CompressionLevel.SmallestSize),
            ("archive/constants.pkl", [0x80, 2, (byte)')', (byte)'.'], CompressionLevel.NoCompression)]);
        using var weights = Read(file);
        Assert.Equal(["scale", "fc.weight", "fc.bias"], weights.Keys);
        Assert.Contains("it is TorchScript whose weights have no names, as torch.jit.freeze leaves it", Assert.Throws<InvalidDataException>(
            () => Read(Script(new TorchFileBuilder(), "Net", o => o).Archive())).Message);
    }

    // content, what the message says it is, what it says to do
    public static TheoryData<byte[], string, string> Foreign => new()
    {
        { "\n<!DOCTYPE html><html>login</html>"u8.ToArray(), "an HTML page", "download the file itself" },
        { "<HTML>quota</HTML>"u8.ToArray(), "an HTML page", "download the file itself" },
        { "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 123456\n"u8.ToArray(),
            "a Git LFS pointer, which stands for a file of 123456 bytes", "run 'git lfs pull'" },
        { "<?xml version=\"1.0\"?><Error>AccessDenied</Error>"u8.ToArray(), "an XML text", "look into it" },
        {
            "{\"architectures\": [\"ViT\"]}"u8.ToArray(), "a JSON text that is not an index of shards",
            "read the file of weights next to it"
        },
        { [], "an empty file", "fetch it again" },
        { [0x1f, 0x8b, 8, .. new byte[600]], "a gzip file", "unpack it" },
        { [0x89, .. "HDF\r\n\u001a\n"u8, .. new byte[600]], "an HDF5 file", "save the weights as safetensors" },
        { [0x93, .. "NUMPY"u8, .. new byte[600]], "an array of NumPy", "NumPyFile.Read reads it" },
        { [.. "GGUF"u8, .. new byte[600]], "a GGUF file", "take the original weights" },
    };

    [Theory]
    [MemberData(nameof(Foreign))]
    public void AnotherFileInPlaceOfWeights_IsNamed(byte[] content, string what, string todo)
    {
        foreach (var name in new[] { "x.pth", "x.safetensors" })
        {
            var path = Save(name, content);
            foreach (var read in new Func<string, IDisposable>[] { file => WeightFile.Read(file), file => TorchCheckpointFile.Read(file),
                SafeTensors.Read, file => (WeightFile.Sections(file), new MemoryStream()).Item2 })
            {
                var error = Assert.Throws<InvalidDataException>(() => read(path));
                Assert.StartsWith($"{path}: ", error.Message);
                if (content.Length == 0 && read == SafeTensors.Read) continue;       // it says that the file has 0 bytes
                Assert.Contains(what, error.Message);
                Assert.Contains(todo, error.Message);
            }
        }
    }

    [Fact]
    public void ZipArchivesOfOtherThings_AreNamed()
    {
        Assert.Contains("it is an archive of NumPy arrays, which NumPyArchive reads", Message("feat.npy"));
        Assert.Contains("a zip archive with the file inner/net.pth in it: unpack it", Message("inner/net.pth"));
        Assert.Contains("a zip archive without data.pkl", Message("readme.txt"));

        static string Message(string entry)
        {
            var output = new MemoryStream();
            using (var zip = new ZipArchive(output, ZipArchiveMode.Create, leaveOpen: true)) zip.CreateEntry(entry);
            return Assert.Throws<InvalidDataException>(() => Read(output.ToArray())).Message;
        }
    }

    [Fact]
    public void IndexOfShards_ReadsThemAll()
    {
        using var scope = NewDisposeScope();
        SafeTensors.Write(Path.Combine(folder, "model-1.safetensors"), new Dictionary<string, Tensor> { ["a"] = ones(2), ["b"] = ones(3) });
        TorchCheckpointFile.Write(Path.Combine(folder, "model-2.bin"), new Dictionary<string, Tensor> { ["c"] = ones(4) });
        var index = Save("model.safetensors.index.json", """
            {"metadata": {"total_size": 36},
             "weight_map": {"a": "model-1.safetensors", "c": "model-2.bin", "b": "model-1.safetensors"}}
            """u8.ToArray());
        using (var weights = WeightFile.Read(index))
        {
            Assert.Equal(["a", "b", "c"], weights.Keys.Order(StringComparer.Ordinal));
            Assert.Equal([4], weights["c"].shape);
        }
        Assert.Empty(WeightFile.Sections(index));
        foreach (var (map, message) in new[]
            {
                ("""{"weight_map": {"a": "model-3.bin"}}""", "It is an index of 1 file, and "),
                ("""{"weight_map": {"z": "model-2.bin"}}""", "has no tensor 'z'"),
                ($"{{\"weight_map\": {{\"{new string('z', 5000)}\": \"model-2.bin\"}}}}", $"has no tensor '{new string('z', 200)}...'"),
                ("""{"weight_map": {"a": "../secret.bin"}}""", "names '../secret.bin', which is not a file in its folder"),
                ("""{"weight_map": ["a"]}""", "The index of shards cannot be read"),
            })
        {
            var path = Save("bad.index.json", Encoding.UTF8.GetBytes(map));
            var error = Assert.Throws<InvalidDataException>(() => WeightFile.Read(path));
            Assert.StartsWith($"{path}: ", error.Message);
            Assert.Contains(message, error.Message);
        }
    }

    // A file from an unknown source whose values refer to one another many times. It would take hours to read them one by one.
    [Fact]
    public void SharedValues_AreLookedAtOnce()
    {
        const int Wide = 20_000;
        var builder = new TorchFileBuilder().Raw((byte)']', (byte)'(').Raw((byte)'}', (byte)'q', 1, (byte)'(');
        for (var i = 0; i < Wide; i++) builder.Text($"{i}").Raw((byte)'h', 1);
        builder.Raw((byte)'u');
        for (var i = 0; i < Wide; i++) builder.Global("a", "b").Raw((byte)')', 0x81, (byte)'h', 1, (byte)'b');    // objects of one state
        builder.Global("a", "b").Raw((byte)'(');
        for (var i = 0; i < Wide; i++) builder.Raw((byte)'h', 1);                                                // an object of its copies
        builder.Raw((byte)'t', 0x81);
        for (var i = 0; i < 9; i++)
        {
            builder.Global("torch.nn.parameter", "Parameter").Raw((byte)'(');
            for (var j = 0; j < 50; j++)
                if (i == 0) builder.Raw((byte)'N');
                else builder.Raw((byte)'h', (byte)(10 + i - 1));
            builder.Raw((byte)'t', 0x81, (byte)'q', (byte)(10 + i));
        }
        builder.Text("state_dict").Raw((byte)'q', 30).Raw((byte)'0').Dictionary(d => Tensors(d, "w")).Raw((byte)'e');
        using var weights = Read(builder.Floats("0", 1, 2, 3, 4, 5, 6).Archive());
        Assert.Equal(["w"], weights.Keys);
    }

    // Files of several megabytes from an unknown source that ask for gigabytes: many small values, dictionaries that share dictionaries,
    // archive entries that do not exist, and tensors without elements.
    [Fact]
    public void Memory_IsBoundedByTheFilesSize()
    {
        const int Size = 4 << 20;
        var ladder = new TorchFileBuilder();
        for (var i = 0; i < 60; i++) ladder.Raw((byte)'}', (byte)'q', (byte)i).Raw((byte)'(').Text("a")
            .Raw((byte)'h', (byte)Math.Max(0, i - 1))
            .Text("b").Raw((byte)'h', (byte)Math.Max(0, i - 1)).Raw((byte)'u');
        foreach (var pickle in new[]
            {
                Repeat("}"u8, Size), Repeat("]"u8, Size), Repeat("K\u0001\u0085"u8, Size), Repeat("(t"u8, Size),
                Repeat("}K\u0001q\u0001"u8, Size), [.. Repeat("("u8, Size / 2), .. Repeat("l"u8, Size / 2)],
                ladder.Finished[2..^1],
            })
        {
            byte[] file = new TorchFileBuilder().Pickle([0x80, 2, .. pickle]).Archive();
            var before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Throws<InvalidDataException>(() => Read(file));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4L * file.Length + (64 << 20));
        }

        // A directory of four hundred thousand entries that do not exist.
        var whole = Root(b => b.Text("x").Tensor("0", 1, [1], [1])).Floats("0", 1).Archive();
        var directory = (int)BitConverter.ToUInt32(whole, whole.Length - 6);
        byte[] line = [(byte)'P', (byte)'K', 1, 2, .. new byte[24], 1, 0, .. new byte[16], (byte)'a'];
        byte[] crowded = [.. whole[..directory], .. Repeat(line, line.Length * 400_000), .. whole[directory..]];
        BitConverter.TryWriteBytes(crowded.AsSpan(crowded.Length - 6), directory);
        var first = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("lists far more entries than its size explains", Assert.Throws<InvalidDataException>(() => Read(crowded)).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - first, 0, 4L * crowded.Length + (64 << 20));

        var text = new StringBuilder("{");
        for (var i = 0; i < 200_000; i++) text.Append(i == 0 ? "" : ",").Append(System.Globalization.CultureInfo.InvariantCulture,
            $"\"{i:x}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}");
        var header = Encoding.UTF8.GetBytes(text.Append('}').ToString());
        byte[] safe = [.. BitConverter.GetBytes((long)header.Length), .. header];
        var start = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("which its size does not explain", Assert.Throws<InvalidDataException>(
            () => SafeTensors.Read(new MemoryStream(safe))).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - start, 0, 4L * safe.Length + (64 << 20));

        static byte[] Repeat(ReadOnlySpan<byte> bytes, int size)
        {
            var result = new byte[size];
            for (var i = 0; i + bytes.Length <= size; i += bytes.Length) bytes.CopyTo(result.AsSpan(i));
            return result;
        }
    }

    private static TorchFileBuilder Root(Func<TorchFileBuilder, TorchFileBuilder> fill) =>
        fill(new TorchFileBuilder().OrderedDict().Begin()).End();

    /// <summary>Adds tensors of one element each. All use storage 0, which has six elements.</summary>
    private static TorchFileBuilder Tensors(TorchFileBuilder builder, params string[] names)
    {
        foreach (var name in names) builder.Text(name).Tensor("0", 6, [1], [1]);
        return builder;
    }

    private string Save(string name, byte[] content)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    private static NamedTensors Read(byte[] file, string? section = null) => TorchCheckpointFile.Read(new MemoryStream(file), section);

    private static byte[] Bytes(params float[] values) => System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values).ToArray();

    private static float[] Values(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.to(ScalarType.Float32).contiguous().data<float>().ToArray();
    }
}
