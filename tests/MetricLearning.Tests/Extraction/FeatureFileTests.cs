using System.Text.Json;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public sealed class FeatureFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("feature-file-").FullName;
    private readonly EmbeddingSet query = new(randn(3, 4), [7, 7, 9], [1, 2, 1]);
    private readonly EmbeddingSet gallery = new(randn(2, 4), [9, 7], [3, 3]);
    private readonly string[] queryFiles = ["a.jpg", "b/ü.jpg", "c, \"d\".jpg"];

    public void Dispose()
    {
        query.Dispose();
        gallery.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Npz_HasTheArraysOfEachPart_AndTheSameBytesAgain()
    {
        var path = Write("x.npz", ("query", query, queryFiles), ("gallery", gallery, ["e.jpg", "f.jpg"]));
        using (var scope = NewDisposeScope())
        using (var archive = new NumPyArchive(path))
        {
            Assert.Equal(["query_feat", "query_pid", "query_cam", "gallery_feat", "gallery_pid", "gallery_cam", "query_files",
                "gallery_files"], archive.Names);
            Assert.True(allclose(query.Features, archive.Read("query_feat"), 0, 0));
            Assert.Equal([9L, 7], archive.Read("gallery_pid").data<long>().ToArray());
            Assert.Equal([1L, 2, 1], archive.Read("query_cam").data<long>().ToArray());
            Assert.Equal(queryFiles, archive.ReadText("query_files"));
        }
        var again = Write("y.npz", ("query", query, queryFiles), ("gallery", gallery, ["e.jpg", "f.jpg"]));
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(again));
    }

    [Fact]
    public void SafeTensors_HaveTheFilesInTheirMetadata()
    {
        using var read = SafeTensors.Read(Write("x.safetensors", ("query", query, queryFiles)));
        Assert.Equal(["query_cam", "query_feat", "query_pid"], read.Keys.Order(StringComparer.Ordinal));
        Assert.True(allclose(query.Features, read["query_feat"], 0, 0));
        Assert.Equal(queryFiles, JsonSerializer.Deserialize<string[]>(read.Metadata["query_files"])!);
    }

    [Fact]
    public void Npy_HasAListBesideIt()
    {
        using var features = NumPyFile.Read(Write("x.npy", ("query", query, queryFiles)));
        Assert.True(allclose(query.Features, features, 0, 0));
        Assert.Equal("file,pid,cam\na.jpg,7,1\nb/ü.jpg,7,2\n\"c, \"\"d\"\".jpg\",9,1\n", File.ReadAllText(Path.Combine(folder, "x.csv")));
    }

    /// <summary>A name of a file comes back as it was written, or it is refused.</summary>
    [Theory, InlineData(".npz"), InlineData(".safetensors"), InlineData(".npy")]
    public void OddNames_ComeBackOrAreRefused(string extension)
    {
        string[] odd =
        [
            " a.jpg", "a.jpg ", "\u3000a\t", " ", "", "\"", "a\nb", "a\n", ",", "\"a\" ", "'", "\ufeffa", "\u2028a\u0085", "a\0b", "\0a",
        ];
        foreach (var name in odd)
        {
            using var read = FeatureFile.Read(Write($"x{extension}", ("query", query, [name, "b", name])));
            Assert.Equal([name, "b", name], read[0].Files);
        }
        File.Delete(Path.Combine(folder, $"x{extension}"));
        string[] refused = ["a\ud800", .. extension switch
        {
            ".npz" => (string[])["a\0"],
            ".npy" => ["a\rb", "a\r\nb", new('x', 65_537)],
            _ => [],
        }];
        foreach (var name in refused)
            Assert.Contains("query must have files whose names can be written, but ", Assert.Throws<ArgumentException>("parts",
                () => Write($"x{extension}", ("query", query, ["a", name, "b"]))).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(folder, $"x{extension}")));
    }

    [Fact]
    public void Npy_HasItsSpaceBesideIt_AndRefusesOneOfOtherFeatures()
    {
        var space = new EmbeddingSpace { Architecture = "osnet", Height = 256, Mean = [0.5f, 0.25f, 0.125f], Distance = "cosine" };
        using var known = new EmbeddingSet(query.Features.alias(), query.Identities, query.Cameras) { Space = space };
        var path = Write("x.npy", ("query", known, queryFiles));
        var record = path + ".space.json";
        using (var read = FeatureFile.Read(path)) Assert.Equal(space, read[0].Set.Space);
        var text = File.ReadAllText(record);

        // Another program overwrites the file with other features.
        using (var other = query.Features.neg()) NumPyFile.Write(path, other);
        Assert.Contains($"{record}: it belongs to other features than those that x.npy has now: delete it",
            Assert.Throws<InvalidDataException>(() => FeatureFile.Read(path)).Message, StringComparison.Ordinal);

        // Writing features without a known space deletes the record.
        Write("x.npy", ("query", query, queryFiles));
        Assert.False(File.Exists(record));
        using (var read = FeatureFile.Read(path)) Assert.Null(read[0].Set.Space);

        // If the same features are written again, the record fits them again.
        File.WriteAllText(record, text);
        using (var read = FeatureFile.Read(path)) Assert.Equal(space, read[0].Set.Space);
        foreach (var damaged in (string[])["", "[]", "{", "{}", text.Replace("256", "-1", StringComparison.Ordinal),
            text.Replace("osnet", "\\ud800", StringComparison.Ordinal), text.Replace("npy_length", "\\ud800", StringComparison.Ordinal),
            text.Replace("{", "{\"a\":1,\"a\":2,", StringComparison.Ordinal)])
        {
            File.WriteAllText(record, damaged);
            Assert.Contains(path, Assert.Throws<InvalidDataException>(() => FeatureFile.Read(path)).Message, StringComparison.Ordinal);
        }
    }

    /// <summary>If writing stops half-way, new features must not be combined with an old list. In this test the old list cannot be
    /// replaced.</summary>
    [Fact]
    public void Npy_IsNeverNewBesideAnOldList()
    {
        var path = Write("x.npy", ("query", query, queryFiles));
        var before = File.ReadAllBytes(path);
        var list = Path.ChangeExtension(path, ".csv");
        File.Delete(list);
        Directory.CreateDirectory(list);
        using var other = new EmbeddingSet(randn(1, 2), [5]);
        Assert.ThrowsAny<Exception>(() => Write("x.npy", ("query", other, ["a"])));
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal([list, path], Directory.GetFileSystemEntries(folder, "x.*").Order());
    }

    [Fact]
    public void WithoutCameras_ThereIsNoSuchArray()
    {
        using var plain = new EmbeddingSet(randn(1, 2, ScalarType.BFloat16), [5]);
        using (var archive = new NumPyArchive(Write("x.npz", ("test", plain, ["a"]))))
        {
            Assert.Equal(["test_feat", "test_pid", "test_files"], archive.Names);
            using var features = archive.Read("test_feat");
            Assert.Equal(ScalarType.Float32, features.dtype);
        }
        Write("x.npy", ("test", plain, ["a"]));
        Assert.Equal("file,pid\na,5\n", File.ReadAllText(Path.Combine(folder, "x.csv")));
    }

    [Fact]
    public void Mistakes_AreNamed()
    {
        Fails("path must end in .npz, .safetensors, .npy", "x.txt", ("query", query, queryFiles));
        Fails("to hold 2 parts", "x.npy", ("query", query, queryFiles), ("gallery", gallery, ["e", "f"]));
        Fails("gallery must have 2 files, one per row, got 1", "x.npz", ("gallery", gallery, ["e"]));
        foreach (var name in new[] { "x.npz", "x.safetensors", "x.npy" })
        {
            Fails("parts must have at least one entry", name);
            Fails("parts must have a name", name, (null!, gallery, ["e", "f"]));
            Fails("parts must have features and files, but gallery has null", name, ("gallery", null!, ["e", "f"]));
            Fails("parts must have features and files, but gallery has null", name, ("gallery", gallery, null!));
            Fails("gallery must have a file for each row, got null among them", name, ("gallery", gallery, ["e", null!]));
            if (name == "x.npy") continue;
            Fails("parts must have a name", name, ("", gallery, ["e", "f"]));
            Fails("parts must have different names, got 'gallery' twice", name, ("gallery", gallery, ["e", "f"]),
                ("gallery", gallery, ["e", "f"]));
        }
        Assert.Empty(Directory.GetFiles(folder));

        void Fails(string message, string name, params (string, EmbeddingSet, IReadOnlyList<string>)[] parts) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => Write(name, parts)).Message, StringComparison.Ordinal);
    }

    private string Write(string name, params (string, EmbeddingSet, IReadOnlyList<string>)[] parts)
    {
        var path = Path.Combine(folder, name);
        FeatureFile.Write(path, parts);
        return path;
    }
}
