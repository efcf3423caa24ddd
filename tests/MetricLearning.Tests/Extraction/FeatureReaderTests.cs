using System.IO.Compression;
using System.Text;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public sealed class FeatureReaderTests : IDisposable
{
    private static readonly EmbeddingSpace space = new() { Architecture = "osnet", Height = 256, Width = 128 };
    private readonly string folder = Directory.CreateTempSubdirectory("feature-reader-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    public static TheoryData<string> Formats => ["x.npz", "x.safetensors"];

    [Theory]
    [MemberData(nameof(Formats))]
    public void WhatWriteWrote_IsReadAgain(string name)
    {
        using var query = new EmbeddingSet(randn(3, 4), [7, 7, 9], [1, 2, 1]) { Space = space };
        using var gallery = new EmbeddingSet(randn(2, 4, ScalarType.Float64), [9, 7], [3, 3]) { Space = new() { Distance = "cosine" } };
        FeatureFile.Write(At(name), ("query", query, ["a", "ü", "c"]), ("gallery", gallery, ["d", "e"]));
        using var read = FeatureFile.Read(At(name));
        Assert.Equal(["query", "gallery"], read.Select(part => part.Name));
        Same(query, read["query"].Set);
        Same(gallery, read[1].Set);
        Assert.Equal(["a", "ü", "c"], read["query"].Files!);
        Assert.All(read, part => Assert.Equal(space with { Distance = "cosine" }, part.Set.Space));
        Assert.Empty(read.Unread);
        Assert.Contains("There is no set 'train' of features, only 'query', 'gallery'.",
            Assert.Throws<KeyNotFoundException>(() => read["train"]).Message);
    }

    [Fact]
    public void ANumPyFile_HasItsListBesideIt()
    {
        using var set = new EmbeddingSet(randn(2, 4), [7, 8], [1, 2]);
        FeatureFile.Write(At("x.npy"), ("query", set, ["a, b", "c"]));
        using var read = FeatureFile.Read(At("x.npy"));
        Same(set, read[0].Set);
        Assert.Equal(["a, b", "c"], read[0].Files!);
        using var part = new FeatureReader().ReadPart("query", At("x.npy"));
        Assert.Equal("query", part.Name);
    }

    [Fact]
    public void Parts_OfTwoSpaces_AreNotWrittenIntoOneFileAndNotCompared()
    {
        using var query = new EmbeddingSet(randn(1, 2), [1]) { Space = space };
        using var gallery = new EmbeddingSet(randn(1, 2), [1]) { Space = space with { Height = 384 } };
        Assert.Contains("height is 256 for query and 384 for gallery", Assert.Throws<ArgumentException>(
            () => FeatureFile.Write(At("x.npz"), ("query", query, ["a"]), ("gallery", gallery, ["b"]))).Message);
        Assert.False(File.Exists(At("x.npz")));
        Assert.Contains("height is 256 for query and 384 for gallery", Assert.Throws<ArgumentException>(
            () => new RetrievalEvaluator { Protocol = RetrievalProtocol.NoFilter }.Evaluate(query, gallery)).Message);
    }

    [Fact]
    public void AnEmbeddingSet_IsSavedAndLoaded()
    {
        using var set = new EmbeddingSet(randn(3, 5, ScalarType.BFloat16), [1, -1, 7], [0, 5, 2]) { Space = space };
        set.Save(At("set.safetensors"));
        using var read = EmbeddingSet.Load(At("set.safetensors"));
        Same(set, read);
        Assert.Equal(space, read.Space);
        using var plain = new EmbeddingSet(randn(3, 5), [1, 2, 3]);
        plain.Save(At("set.safetensors"));
        using var again = EmbeddingSet.Load(At("set.safetensors"));
        Same(plain, again);
        Assert.Null(again.Space);
        using (var other = FeatureFile.Read(At("set.safetensors"))) Same(plain, other[""].Set);
        set.Save(At("damaged.safetensors"));
        var bytes = File.ReadAllBytes(At("damaged.safetensors"));
        bytes[bytes.AsSpan().IndexOf("256"u8)] = (byte)'-';          // a negative height
        File.WriteAllBytes(At("damaged.safetensors"), bytes);
        const string damage = "damaged.safetensors: The record of the embedding space cannot be read: ";
        Fails<InvalidDataException>(damage, () => EmbeddingSet.Load(At("damaged.safetensors")));
        Fails<InvalidDataException>(damage, () => FeatureFile.Read(At("damaged.safetensors")));
        SafeTensors.Write(At("odd.safetensors"), [new("feat", plain.Features)]);
        Fails<InvalidDataException>("odd.safetensors: Not a set of embeddings: it has no 'pid', but feat.",
            () => EmbeddingSet.Load(At("odd.safetensors")));
    }

    /// <summary>The names of torchreid, of the MATLAB evaluation of Market-1501, and others that begin with q_ and g_.</summary>
    [Theory]
    [InlineData("qf", "q_pids", "q_camids", "gf", "g_pids", "g_camids")]
    [InlineData("query_f", "query_label", "query_cam", "gallery_f", "gallery_label", "gallery_cam")]
    [InlineData("q_features", "q_ids", "q_cams", "g_features", "g_ids", "g_cams")]
    public void UsualNames_AreKnown(params string[] names)
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(At("x.npz"), [new(names[0], ones(2, 3)), new(names[1], tensor(new long[] { 7, 8 })), new(names[2], zeros(1, 2)),
            new(names[3], ones(1, 3)), new(names[4], tensor(new long[] { 7 })), new(names[5], ones(1))]);
        using var read = FeatureFile.Read(At("x.npz"));
        Assert.Equal(["query", "gallery"], read.Select(part => part.Name));
        Assert.Equal([7L, 8], read["query"].Set.Identities);
        Assert.Equal([0L, 0], read["query"].Set.Cameras!);
        Assert.Equal([1L], read["gallery"].Set.Cameras!);
    }

    [Fact]
    public void GivenNames_HaveAStarForTheSet()
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(At("x.npz"), [new("query_vectors", ones(2, 3)), new("query_who", ones(2)), new("gallery_vectors", ones(1, 3)),
            new("gallery_who", ones(1)), new("other", ones(5, 3)), new("narrow", ones(5, 2))]);
        using var read = new FeatureReader { Names = new("*_vectors", "*_who") }.Read(At("x.npz"));
        Assert.Equal(["query", "gallery"], read.Select(part => part.Name));
        Assert.Equal(["other"], read.Unread);
        using var one = new FeatureReader { Names = new("query_vectors", "query_who") }.Read(At("x.npz"));
        Assert.Equal(["gallery_vectors", "other"], one.Unread);
        Fails<InvalidDataException>(
            "it has no features named v; it has query_vectors, query_who, gallery_vectors, gallery_who, other, narrow",
            () => new FeatureReader { Names = new("v", "who") }.Read(At("x.npz")));
        Fails<ArgumentException>("Identities must have a * exactly if Features has one, got who with *_vectors.",
            () => new FeatureNames("*_vectors", "who"));
        Fails<ArgumentException>("Features must have * once at most, got **.", () => new FeatureNames("**", "who"));
    }

    [Fact]
    public void Identities_OfText_BecomeNumbers()
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(At("q.npz"), [new("feat", ones(3, 2))], [Text("pid", "bob", "anna", "bob"), Text("cam", "c2", "c1", "c2")]);
        NumPyArchive.Write(At("g.npz"), [new("feat", ones(2, 2))], [Text("pid", "anna", "carl"), Text("cam", "c1", "c3")]);
        var reader = new FeatureReader();
        using var query = reader.ReadPart("query", At("q.npz"));
        using var gallery = reader.ReadPart("gallery", At("g.npz"));
        Assert.Equal([1L, 2, 1], query.Set.Identities);
        Assert.Equal([2L, 3], gallery.Set.Identities);
        Assert.Equal([2L, 3], gallery.Set.Cameras!);
        Assert.Equal("carl", gallery.IdentityNames![3]);

        NumPyArchive.Write(At("n.npz"), [new("feat", ones(2, 2))], [Text("pid", "0007", "-1")]);
        using var numbers = FeatureFile.Read(At("n.npz"));
        Assert.Equal([7L, -1], numbers[0].Set.Identities);
        Assert.Null(numbers[0].IdentityNames);
    }

    /// <summary>Names and numbers are refused in either order, whether the numbers are texts or not. Junk alone goes with both.</summary>
    [Theory]
    [InlineData(true, true), InlineData(true, false), InlineData(false, true), InlineData(false, false)]
    public void Names_AndNumbers_AreNotMixed(bool namesFirst, bool asText)
    {
        using var scope = NewDisposeScope();
        var feat = new KeyValuePair<string, Tensor>("feat", ones(2, 2));
        NumPyArchive.Write(At("names.npz"), [feat], [Text("pid", "anna", "7")]);
        if (asText) NumPyArchive.Write(At("numbers.npz"), [feat], [Text("pid", "8", "7")]);
        else NumPyArchive.Write(At("numbers.npz"), [feat, new("pid", tensor(new long[] { 8, 7 }))]);
        NumPyArchive.Write(At("junk.npz"), [feat], [Text("pid", "-1", "-1")]);
        var (first, second) = namesFirst ? ("names.npz", "numbers.npz") : ("numbers.npz", "names.npz");
        var reader = new FeatureReader();
        reader.Read(At("junk.npz")).Dispose();
        reader.Read(At(first)).Dispose();
        using (var junk = reader.Read(At("junk.npz"))) Assert.Equal([-1L, -1], junk[0].Set.Identities);
        Fails<InvalidDataException>(
            $"{second}: the identities of one set are numbers and those of another are names; write all as one of them",
            () => reader.Read(At(second)));
    }

    /// <summary>A file that could not be read gave no set, so its identities bind no later file.</summary>
    [Theory, InlineData(true), InlineData(false)]
    public void AFileThatIsRefused_LeavesTheReaderAsItWas(bool inOwnFile)
    {
        using var scope = NewDisposeScope();
        var feat = new KeyValuePair<string, Tensor>("feat", ones(2, 2));
        NumPyArchive.Write(At("names.npz"), [feat], [Text("pid", "anna", "bob")]);
        NumPyArchive.Write(At("numbers.npz"), [feat, new("pid", tensor(new long[] { 8, 7 }))]);
        NumPyArchive.Write(At("short.npz"), [feat], [Text("pid", "carl", "-1", "dora")]);
        NumPyFile.Write(At("ids.npy"), tensor(new long[] { 8, 7, 6 }));
        var reader = new FeatureReader();
        void Refused(string name, string? own) =>
            Assert.Throws<InvalidDataException>(() => own is null ? reader.Read(At(name))[0] : reader.ReadPart("", At(name), At(own)));
        if (inOwnFile) Refused("names.npz", "ids.npy");
        else Refused("short.npz", null);
        using (var read = reader.Read(At(inOwnFile ? "names.npz" : "numbers.npz")))
            Assert.Equal(inOwnFile ? [1L, 2] : [8L, 7], read[0].Set.Identities);
        // The names of the refused file take no numbers.
        if (!inOwnFile) return;
        Refused("short.npz", null);
        NumPyArchive.Write(At("more.npz"), [feat], [Text("pid", "eva", "bob")]);
        using var more = reader.Read(At("more.npz"));
        Assert.Equal([3L, 2], more[0].Set.Identities);
        Assert.Equal([1L, 2, 3], more[0].IdentityNames!.Keys.Order());
    }

    /// <summary>Market-1501's protocol removes the identity −1, so it must not become a person.</summary>
    [Fact]
    public void Junk_StaysJunkAmongNames()
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(At("x.npz"), [new("query_feat", eye(2)), new("gallery_feat", eye(3, 2))],
            [Text("query_pid", "anna", "-1"), Text("gallery_pid", "-1", "anna", "-01"), Text("query_cam", "a", "a"),
            Text("gallery_cam", "b", "b", "b")]);
        using var read = FeatureFile.Read(At("x.npz"));
        Assert.Equal([1L, -1], read["query"].Set.Identities);
        Assert.Equal([-1L, 1, -1], read["gallery"].Set.Identities);
        Assert.Equal(new Dictionary<long, string> { [1] = "anna", [-1] = "-1" }, read["gallery"].IdentityNames!);
        Assert.All(read, part => Assert.Empty(part.Notes));
        var report = new RetrievalEvaluator { Protocol = RetrievalProtocol.Market1501 }.Evaluate(read["query"].Set, read["gallery"].Set);
        Assert.Equal(1, report.ValidQueries);
        Assert.Equal(1, report.SkippedByReason[SkipReason.Junk]);
    }

    [Fact]
    public void NamesThatLookLikeNumbers_BecomeANote()
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(At("x.npz"), [new("feat", ones(4, 2))], [Text("pid", "0007", "7", "+7", "7.0")]);
        using var read = FeatureFile.Read(At("x.npz"));
        Assert.Equal([1L, 2, 3, 4], read[0].Set.Identities);
        Assert.Equal("'pid' has '7.0', which is not a whole number, so all its entries are names: 0007, 7 and 7.0 are different names.",
            Assert.Single(read[0].Notes));
        NumPyFile.Write(At("q.npy"), ones(2, 2));
        File.WriteAllText(At("q.csv"), "file,pid,cam\na,7,c1\nb,8,2\n");
        using var listed = FeatureFile.Read(At("q.npy"));
        Assert.Equal("'cam' of the .csv file next to it has 'c1', which is not a whole number, so all its entries are names: 0007, 7 "
            + "and 7.0 are different names.", Assert.Single(listed[0].Notes));
    }

    /// <summary>Without its cameras, a file would silently be evaluated by another protocol.</summary>
    [Fact]
    public void AGivenName_MustBeInTheFile()
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(At("x.npz"), [new("query_feat", ones(2, 3)), new("query_pid", ones(2)), new("query_cam", ones(2)),
            new("gallery_feat", ones(2, 3)), new("gallery_pid", ones(2)), new("gallery_cam", ones(2))]);
        const string has = "; it has query_feat, query_pid, query_cam, gallery_feat, gallery_pid, gallery_cam";
        Fails<InvalidDataException>($"x.npz: it has no cameras of query under the given name (query_zzz, q_zzz){has}",
            () => new FeatureReader { Names = new("*_feat", "*_pid", "*_zzz") }.Read(At("x.npz")));
        Fails<InvalidDataException>($"x.npz: it has no cameras of gallery under the given name (gallery_zzz, g_zzz){has}",
            () => new FeatureReader { Names = new("*_feat", "*_pid", "*_zzz") }.ReadPart("gallery", At("x.npz")));
        Fails<InvalidDataException>($"x.npz: it has no identities of query under the given name (query_zzz, q_zzz){has}",
            () => new FeatureReader { Names = new("*_feat", "*_zzz", "*_cam") }.Read(At("x.npz")));
        Fails<InvalidDataException>($"x.npz: it has no cameras under the given name (zzz){has}",
            () => new FeatureReader { Names = new("query_feat", "query_pid", "zzz") }.Read(At("x.npz")));
        NumPyFile.Write(At("cams.npy"), ones(2));
        NumPyFile.Write(At("x.npy"), ones(2, 3));
        File.WriteAllText(At("x.csv"), "pid,who\n7,8\n7,8\n");
        Fails<InvalidDataException>(
            "names the columns pid, who, and it needs a column under the given name (*_who, which does not fit a set without a name)",
            () => new FeatureReader { Names = new("*_feat", "*_who") }.ReadPart("query", At("x.npy")));
        Fails<InvalidDataException>("names the columns pid, who, and it needs a column under the given name (zzz)",
            () => new FeatureReader { Names = new("feat", "who", "zzz") }.ReadPart("query", At("x.npy")));
        using (var given = new FeatureReader { Names = new("feat", "who") }.Read(At("x.npy")))
            Assert.Equal([8L, 8], given[0].Set.Identities);
        var reader = new FeatureReader { Names = new("*_feat", "*_pid", "*_zzz") };
        using var own = reader.ReadPart("query", At("x.npz"), cameras: At("cams.npy"));
        Assert.Equal([1L, 1], own.Set.Cameras!);
        using var none = new FeatureReader { Names = new("*_feat", "*_pid") }.ReadPart("query", At("x.npz"));
        Assert.Null(none.Set.Cameras);
    }

    [Fact]
    public void TwoNumPyFiles_AreReadByOneReader()
    {
        using var scope = NewDisposeScope();
        NumPyFile.Write(At("q.npy"), eye(3));
        NumPyFile.Write(At("g.npy"), eye(3));
        NumPyFile.Write(At("ids.npy"), tensor(new long[] { 7, 8, 9 }));
        File.WriteAllText(At("q.csv"), "file,PID,Cam\na,A,1\nb,B,1\nc,C,1\n");
        File.WriteAllText(At("g.csv"), "pid,cam\nC,2\nB,2\nA,2\n");
        var reader = new FeatureReader();
        using var query = reader.ReadPart("query", At("q.npy"));
        using var gallery = reader.ReadPart("gallery", At("g.npy"));
        Assert.Equal([1L, 2, 3], query.Set.Identities);
        Assert.Equal([3L, 2, 1], gallery.Set.Identities);
        Assert.Equal([1L, 1, 1], query.Set.Cameras!);
        using var parts = FeatureFile.Read(At("q.npy"));
        Fails<KeyNotFoundException>("There is no set 'query' of features: the file has one set without a name, as every .npy file has. "
            + "Take it by its position, [0]. If queries and gallery are in two files, read each by FeatureReader.ReadPart.",
            () => parts["query"]);
        // A list that is not needed may be damaged.
        File.WriteAllText(At("q.csv"), "file;pid\na,b;7\n");
        using var own = new FeatureReader().ReadPart("query", At("q.npy"), At("ids.npy"), At("ids.npy"));
        Assert.Equal([7L, 8, 9], own.Set.Identities);
        Assert.Contains("the list next to it cannot be read, so the images have no names", Assert.Single(own.Notes));
    }

    /// <summary>Rounding may have made different identities equal.</summary>
    [Theory]
    [InlineData(ScalarType.Float16, 2047, 2048), InlineData(ScalarType.Float32, 16777215, 16777216)]
    [InlineData(ScalarType.Float64, 9007199254740991, 9007199254740992)]
    public void FloatingPointIdentities_AreRefused_WhereTheirTypeLacksWholeNumbers(ScalarType type, long most, long tooMany)
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(At("x.npz"), [new("feat", ones(2, 2)), new("pid", tensor(new[] { most, -most }).to(type))]);
        using (var read = FeatureFile.Read(At("x.npz"))) Assert.Equal([most, -most], read[0].Set.Identities);
        NumPyArchive.Write(At("x.npz"), [new("feat", ones(2, 2)), new("pid", tensor(new[] { 1, -tooMany }).to(type))]);
        Fails<InvalidDataException>($"{At("x.npz")}: 'pid' holds {type} numbers up to {tooMany}. This type does not have every whole "
            + "number of that size, so different entries may have become equal; save them as integers or as texts",
            () => FeatureFile.Read(At("x.npz")));
        NumPyArchive.Write(At("x.npz"), [new("feat", ones(2, 2)), new("pid", tensor(new[] { 1, -tooMany }))]);
        using var integers = FeatureFile.Read(At("x.npz"));
        Assert.Equal([1L, -tooMany], integers[0].Set.Identities);
    }

    /// <summary>Arrays of types that are never read: Python objects, records, and dates.</summary>
    [Theory]
    [InlineData("'|O'", "()", 8), InlineData("[('a', '<i4')]", "(2,)", 8), InlineData("'<M8[ns]'", "(2,)", 16)]
    public void AnArrayThatIsNotNeeded_DoesNotStopTheReading(string type, string shape, int length)
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(At("x.npz"), [new("feat", ones(2, 2)), new("pid", ones(2)), new("other", ones(5))]);
        using (var zip = ZipFile.Open(At("x.npz"), ZipArchiveMode.Update))
        using (var entry = zip.CreateEntry("meta.npy").Open())
        {
            var header = $"{{'descr': {type}, 'fortran_order': False, 'shape': {shape}, }}\n";
            entry.Write([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, (byte)header.Length, 0]);
            entry.Write(Encoding.ASCII.GetBytes(header));
            entry.Write(new byte[length]);
        }
        using var read = FeatureFile.Read(At("x.npz"));
        Assert.Equal(["meta"], read.Unread);
        // If it is needed, the error says what it is.
        Assert.Contains(type switch
        {
            "'|O'" => "meta: Not a NumPy array that can be read: it holds Python objects",
            "'<M8[ns]'" => "meta: Not a NumPy array that can be read: it holds dates or times (<M8[ns]), not numbers",
            _ => "meta: Not a NumPy array that can be read: it holds records of several fields",
        }, Assert.Throws<InvalidDataException>(() => new FeatureReader { Names = new("feat", "meta") }.Read(At("x.npz"))).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("file,person\na,7\nb,8\n",
        "whose first line names the columns file, person, and it needs a column under a known name (pid, pids, id, ids, label, ...)")]
    [InlineData("a,7\nb,8\n", "whose first line names the columns a, 7, and it needs a column under a known name (pid, ")]
    [InlineData("", "x.csv, which is empty, and it needs a column under a known name (pid, ")]
    [InlineData("file;pid\na;7\nb;8\n", "names the columns file;pid; fields must be separated by commas, not by semicolons or tabs")]
    [InlineData("file;pid\n\"a,b\";7\nb;8\n", "x.csv, line 2 does not parse: \"a,b\";7; fields must be separated by commas")]
    [InlineData("file,pid,Pid\na,7,8\nb,8,9\n", "x.csv has several columns named pid")]
    [InlineData("file,pid\na,\nb,8\n", "'pid' of the .csv file next to it is empty in row 1 of 2; each row must have an entry")]
    [InlineData("pid,cam\n7,c1\n8,\n", "'cam' of the .csv file next to it is empty in row 2 of 2; each row must have an entry")]
    [InlineData("file,pid\na,7\nb\n", "x.csv, line 3: 2 fields expected, got 1")]
    public void AList_IsRefusedWithWhatItHasAndNeeds(string list, string message)
    {
        using var scope = NewDisposeScope();
        NumPyFile.Write(At("x.npy"), ones(2, 2));
        File.WriteAllText(At("x.csv"), list);
        Fails<InvalidDataException>(message, () => FeatureFile.Read(At("x.npy")));
    }

    [Fact]
    public void AFileOfItsOwn_IsNamedInErrors()
    {
        using var scope = NewDisposeScope();
        NumPyFile.Write(At("x.npy"), ones(2, 2));
        NumPyFile.Write(At("half.npy"), ones(2) / 2);
        NumPyFile.Write(At("ids.npy"), ones(2));
        var reader = new FeatureReader();
        Fails<FileNotFoundException>($"There is no file {At("gone.npy")}.", () => reader.ReadPart("query", At("x.npy"), At("gone.npy")));
        Fails<FileNotFoundException>($"There is no file {At("gone.npy")}.",
            () => reader.ReadPart("query", At("x.npy"), At("ids.npy"), At("gone.npy")));
        Assert.StartsWith($"{At("half.npy")}: the array of half.npy holds numbers that are not whole", Assert.Throws<InvalidDataException>(
            () => reader.ReadPart("query", At("x.npy"), At("half.npy"))).Message);
    }

    [Fact]
    public void Features_OfIntegers_AreWidened()
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(At("x.npz"), [new("feat", tensor(new byte[] { 0, 255, 7, 8 }, [2, 2, 1, 1])), new("pid", ones(2))]);
        using (var read = FeatureFile.Read(At("x.npz")))
        {
            Assert.Equal(ScalarType.Float32, read[0].Set.Features.dtype);
            Assert.Equal([0f, 255, 7, 8], read[0].Set.Features.data<float>().ToArray());
        }
        NumPyArchive.Write(At("x.npz"), [new("feat", tensor(new long[] { 1, (1 << 24) + 1 }, [1, 2])), new("pid", ones(1))]);
        Fails<InvalidDataException>("x.npz: features of Int64 must be numbers that float32 holds exactly",
            () => FeatureFile.Read(At("x.npz")));
    }

    /// <summary>An evaluation does not need the names of the files, so names that cannot be used do not stop it.</summary>
    [Fact]
    public void FileNames_OfAnotherKind_BecomeANote()
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(At("x.npz"), [new("feat", ones(2, 2)), new("pid", ones(2)), new("files", ones(2))]);
        using (var read = FeatureFile.Read(At("x.npz")))
        {
            Assert.Null(read[0].Files);
            Assert.Equal("'files' holds no text, so the images have no names.", Assert.Single(read[0].Notes));
        }
        NumPyArchive.Write(At("x.npz"), [new("feat", ones(2, 2)), new("pid", ones(2))], [Text("files", "a")]);
        using var shorter = FeatureFile.Read(At("x.npz"));
        Assert.Equal("'files' has 1 names for 2 images, so it is not used.", Assert.Single(shorter[0].Notes));
    }

    /// <summary>The files are those of <c>DataFrame.to_csv</c>: the first has the index of the rows, which has no name, and the second has
    /// none.</summary>
    [Theory]
    [InlineData("x.csv", ",0,1,2,pid,cam,file\n0,0.1,-2.5,3e-05,7,1,\"a,b.jpg\"\n1,1.0,0.0,16777216.0,8,2,c.jpg\n")]
    [InlineData("y.csv", "label,camera,paths,feat_1,feat_2,feat_3,age\r\nanna,1,\"a,b.jpg\",0.1,-2.5,3e-05,33\r\n"
        + "bert,2,c.jpg,1,0,16777216,\r\n")]
    public void ATable_OfPandas_IsRead(string file, string text)
    {
        File.WriteAllText(At(file), text);
        using var parts = FeatureFile.Read(At(file));
        var part = Assert.Single(parts);
        Assert.Equal("", part.Name);
        Assert.Equal([2, 3], part.Set.Features.shape);
        Assert.Equal(ScalarType.Float32, part.Set.Features.dtype);
        Assert.Equal([0.1f, -2.5f, 3e-05f, 1, 0, 16777216], part.Set.Features.data<float>());
        Assert.Equal(file == "x.csv" ? [7, 8] : [1, 2], part.Set.Identities);
        Assert.Equal([1, 2], part.Set.Cameras!);
        Assert.Equal(["a,b.jpg", "c.jpg"], part.Files!);
        Assert.Null(part.Set.Space);
        Assert.Empty(part.Notes);
        using var named = new FeatureReader().ReadPart("gallery", At(file));
        Assert.Equal("gallery", named.Name);
    }

    [Fact]
    public void ATable_WithOtherNames_IsReadByThem()
    {
        File.WriteAllText(At("x.csv"), "who,x0,x1,box1,box2\n4,1,2,30,40\n");
        using (var part = new FeatureReader { Names = new("x", "who") }.ReadPart("query", At("x.csv")))
        {
            Assert.Equal([1f, 2f], part.Set.Features.data<float>());
            Assert.Equal([4], part.Set.Identities);
        }
        Fails<InvalidDataException>("x.csv: it has no features under a known name (query_feat and gallery_feat, qf and gf, features, ...); "
            + "it has x, box, who. FeatureReader.Names takes other names", () => FeatureFile.Read(At("x.csv")));
    }

    [Theory]
    [InlineData("", "it is empty")]
    [InlineData("0.5,0.25,1\n0.5,0.25,1\n", "its first line has numbers, and must name the columns: file,pid,cam,0,1,2,... Numbers")]
    [InlineData("0.1,0.2\n", "its first line has numbers")]
    [InlineData("pid,feat\n1,0.5\n", "it has no features: their columns must be named 0, 1, 2, ... or feat_0, feat_1, feat_2, ...; "
        + "it has pid, feat")]
    [InlineData("pid,0,1,3\n1,0.5,1,1\n", "it has no features: their columns must be named")]
    [InlineData("pid;0;1\n1;0.5;1\n", "it has no features: their columns must be named")]
    [InlineData("pid,0,1\n1,0.5,\n", "x.csv, line 2: 1 must be a number, got ''")]
    [InlineData("pid,0,1\n1,0.5,\"0,5\"\n", "x.csv, line 2: 1 must be a number, got '0,5'")]
    [InlineData("pid,0,1\n1,0.5\n", "x.csv, line 2: 3 fields expected, got 2")]
    [InlineData("pid,pid,0,1\n1,1,0.5,1\n", "several columns are named pid")]
    [InlineData("0,1\n0.5,1\n", "it has no identities under a known name")]
    public void ATable_ThatCannotBeRead_SaysWhy(string text, string message)
    {
        File.WriteAllText(At("x.csv"), text);
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => FeatureFile.Read(At("x.csv"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AListBesideFeatures_IsNoTableOfItsOwn()
    {
        using var scope = NewDisposeScope();
        NumPyFile.Write(At("x.npy"), ones(1, 2));
        File.WriteAllText(At("x.csv"), "pid\n1\n");
        Fails<InvalidDataException>("x.csv: it is the list of x.npy: read that file", () => FeatureFile.Read(At("x.csv")));
    }

    [Fact]
    public void Mistakes_AreNamed()
    {
        using var scope = NewDisposeScope();
        Fails<FileNotFoundException>($"There is no file {At("gone.npz")}.", () => FeatureFile.Read(At("gone.npz")));
        Fails<IOException>($"{folder} is a folder, but a file of features was expected.", () => FeatureFile.Read(folder));
        File.WriteAllText(At("x.parquet"), "a");
        Fails<InvalidDataException>("x.parquet: features are read from .npz, .npy, .safetensors, .mat and .csv files. Python writes one by "
            + "numpy.savez(", () => FeatureFile.Read(At("x.parquet")));
        Refuses("there are 2 features and 3 identities", new("feat", ones(2, 5)), new("pid", ones(3)));
        Refuses("there are 5 identities and features [2, 5]: write one row for each image", new("feat", ones(2, 5)), new("pid", ones(5)));
        Refuses("there are 2 features and 1 cameras", new("feat", ones(2, 5)), new("pid", ones(2)), new("cam", ones(1)));
        Refuses("'pid' holds numbers that are not whole", new("feat", ones(2, 5)), new("pid", ones(2) / 2));
        Refuses("'pid' has the shape [2, 2], and must be a list", new("feat", ones(2, 5)), new("pid", ones(2, 2)));
        Refuses("features must be numbers [images, length], got Float32 [2]", new("feat", ones(2)), new("pid", ones(2)));
        Refuses("it has no identities under a known name (pid, pids, id, ids, label, ...); it has feat", new KeyValuePair<string, Tensor>(
            "feat", ones(2, 2)));
        Refuses("it has no features under a known name (query_feat and gallery_feat, qf and gf, features, ...); it has a, b",
            new("a", ones(2)), new("b", ones(2)));
        NumPyFile.Write(At("x.npy"), ones(2, 2));
        Fails<InvalidDataException>("x.npy: a .npy file has no identities: give them in a .csv file next to it, with the columns file, pid",
            () => FeatureFile.Read(At("x.npy")));

        void Refuses(string message, params KeyValuePair<string, Tensor>[] arrays)
        {
            File.Delete(At("x.csv"));
            NumPyArchive.Write(At("x.npz"), arrays);
            Fails<InvalidDataException>($"x.npz: {message}", () => FeatureFile.Read(At("x.npz")));
        }
    }

    private string At(string name) => Path.Combine(folder, name);

    private static KeyValuePair<string, IReadOnlyList<string>> Text(string name, params string[] texts) => new(name, texts);

    private static void Same(EmbeddingSet expected, EmbeddingSet actual)
    {
        Assert.Equal(expected.Features.dtype, actual.Features.dtype);
        Assert.True(expected.Features.Equals(actual.Features));
        Assert.Equal(expected.Identities, actual.Identities);
        Assert.Equal(expected.Cameras, actual.Cameras);
    }

    private static void Fails<TException>(string message, Func<object?> action) where TException : Exception =>
        Assert.Contains(message, Assert.Throws<TException>(action).Message, StringComparison.Ordinal);
}
