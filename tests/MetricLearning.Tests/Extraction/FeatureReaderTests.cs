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
        Fails<InvalidDataException>("it has no features named v; it has query_vectors, query_who, gallery_vectors, gallery_who, other, ...",
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
        // This reader has read names before, so it treats these texts as names too.
        using (var names = reader.Read(At("n.npz"))) Assert.Equal([4L, 5], names[0].Set.Identities);
        NumPyArchive.Write(At("n.npz"), [new("feat", ones(2, 2)), new("pid", ones(2))]);
        Fails<InvalidDataException>("n.npz: the identities of one set are numbers and those of another are names; write all as one of them",
            () => reader.Read(At("n.npz")));
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

    [Fact]
    public void Mistakes_AreNamed()
    {
        using var scope = NewDisposeScope();
        Fails<FileNotFoundException>($"There is no file {At("gone.npz")}.", () => FeatureFile.Read(At("gone.npz")));
        Fails<IOException>($"{folder} is a folder, but a file of features was expected.", () => FeatureFile.Read(folder));
        File.WriteAllText(At("x.csv"), "a");
        Fails<InvalidDataException>("x.csv: features are read from .npz, .npy, .safetensors and .mat files",
            () => FeatureFile.Read(At("x.csv")));
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
