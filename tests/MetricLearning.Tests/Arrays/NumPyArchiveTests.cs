using System.IO.Compression;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public sealed class NumPyArchiveTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("numpy").FullName;

    private string FilePath => Path.Combine(folder, "arrays.npz");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Read_WhatNumPyWrote()
    {
        using var scope = NewDisposeScope();
        using var archive = new NumPyArchive(new MemoryStream(PublishedArrays.Archive));
        Assert.Equal(["feat", "pid", "files", "fortran", "u16"], archive.Names);
        var features = archive.Read("feat");
        Assert.Equal([2, 3], features.shape);
        Assert.Equal([.5f, 1.5f, 2.5f, 3.5f, 4.5f, 5.5f], features.data<float>().ToArray());
        Assert.Equal([.5, 1.5, 2.5, 3.5, 4.5, 5.5], archive.Read("fortran").data<double>().ToArray());
        Assert.Equal([-1, 7], archive.Read("pid").data<int>().ToArray());
        Assert.Equal([1, 65535], archive.Read("u16").data<int>().ToArray());
        Assert.Equal(["a_c1.jpg", "ü.png"], archive.ReadText("files"));
    }

    [Fact]
    public void Read_OfAnotherNameOrKind_SaysSo()
    {
        using var archive = new NumPyArchive(new MemoryStream(PublishedArrays.Archive));
        Assert.StartsWith("There is no array 'feats'. Near names: feat, ",
            Assert.Throws<KeyNotFoundException>(() => archive.Read("feats")).Message);
        Assert.StartsWith("files: Not a NumPy array that can be read: it holds text (<U8), not numbers",
            Assert.Throws<InvalidDataException>(() => archive.Read("files")).Message);
        Assert.StartsWith("pid: Not a NumPy array that can be read: it holds numbers (<i4), not text",
            Assert.Throws<InvalidDataException>(() => archive.ReadText("pid")).Message);
    }

    [Fact]
    public void Write_ThenRead_GivesTheSameArrays_InTheSameBytes()
    {
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor> { ["query_feat"] = rand(4, 3), ["query_pid"] = arange(4), ["turned"] = rand(3, 2)
            .t() };
        var texts = new Dictionary<string, IReadOnlyList<string>> { ["query_files"] = ["0001_c1.jpg", "ü𝄞", ""], ["none"] = [] };
        NumPyArchive.Write(FilePath, tensors, texts);
        using (var archive = new NumPyArchive(FilePath))
        {
            Assert.Equal([.. tensors.Keys, .. texts.Keys], archive.Names);
            foreach (var (name, expected) in tensors) Assert.True(expected.Equals(archive.Read(name)), name);
            foreach (var (name, expected) in texts) Assert.Equal(expected, archive.ReadText(name));
        }
        var first = File.ReadAllBytes(FilePath);
        NumPyArchive.Write(FilePath, tensors, texts);
        Assert.Equal(first, File.ReadAllBytes(FilePath));
        Assert.StartsWith("arrays must have different names, got 'a' twice",
            Assert.Throws<ArgumentException>(() => NumPyArchive.Write(FilePath, [new("a", ones(1)), new("a", ones(1))])).Message);
        Assert.Equal([FilePath], Directory.GetFiles(folder));
    }

    [Fact]
    public void Read_OfChangedBytes_IsRefused()
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(FilePath, new Dictionary<string, Tensor> { ["a"] = zeros(1000) });
        var file = File.ReadAllBytes(FilePath);
        file[2000] = 1;
        using var archive = new NumPyArchive(new MemoryStream(file));
        Assert.Contains("its checksum differs from that in the archive",
            Assert.Throws<InvalidDataException>(() => archive.Read("a")).Message);
    }

    [Fact]
    public void Read_OfALengthThatItsBytesCannotHold_IsRefused()
    {
        var memory = new MemoryStream();
        using (var zip = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        using (var entry = zip.CreateEntry("a.npy").Open())
            entry.Write(new byte[100]);
        var file = memory.ToArray();
        var directory = file.AsSpan().LastIndexOf("PK\u0001\u0002"u8);
        BitConverter.GetBytes(1_000_000_000).CopyTo(file, directory + 24);
        using var archive = new NumPyArchive(new MemoryStream(file));
        Assert.Contains("declares 1000000000 bytes", Assert.Throws<InvalidDataException>(() => archive.Read("a")).Message);
    }

    /// <summary>A compressed file of a few kilobytes must not become gigabytes. The limit applies to the memory after widening.</summary>
    [Fact]
    public void Read_OfMoreThanMaxBytes_IsRefused()
    {
        using var scope = NewDisposeScope();
        Save("numbers", "<u4", 100_000, 4);
        Save("texts", "|S1", 100_000, 1);
        using (var archive = new NumPyArchive(FilePath) { MaxBytes = 800_000 })
            Assert.Equal(ScalarType.Int64, archive.Read("numbers").dtype);
        using (var archive = new NumPyArchive(FilePath) { MaxBytes = 799_999 })
            Assert.Contains("numbers: it needs 800,000 bytes of memory for a file of ",
                Assert.Throws<InvalidDataException>(() => archive.Read("numbers")).Message);
        using (var archive = new NumPyArchive(FilePath) { MaxBytes = 4_199_999 })
        {
            var message = Assert.Throws<InvalidDataException>(() => archive.ReadText("texts")).Message;
            Assert.StartsWith($"{FilePath}: texts: it needs 4,200,000 bytes", message);
            Assert.EndsWith("but 4,199,999 are allowed; MaxBytes sets the limit", message);
        }

        void Save(string name, string type, int count, int size)
        {
            using var zip = ZipFile.Open(FilePath, File.Exists(FilePath) ? ZipArchiveMode.Update : ZipArchiveMode.Create);
            using var entry = zip.CreateEntry($"{name}.npy").Open();
            entry.Write(new NumPyHeader(type, false, [count]).ToBytes());
            entry.Write(new byte[count * size]);
        }
    }

    [Fact]
    public void Open_OfAFileThatIsNotAnArchive_IsRefused_AndClosesTheFile()
    {
        File.WriteAllText(FilePath, "no archive");
        Assert.Throws<InvalidDataException>(() => new NumPyArchive(FilePath));
        using (NewDisposeScope()) NumPyArchive.Write(FilePath, [new("x", ones(100))]);
        File.WriteAllBytes(FilePath, File.ReadAllBytes(FilePath)[..300]);
        Assert.Contains("The file is cut off", Assert.Throws<InvalidDataException>(() => new NumPyArchive(FilePath)).Message);
        File.Delete(FilePath);
        Assert.Throws<FileNotFoundException>(() => new NumPyArchive(FilePath));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Read_OfMutatedFiles_GivesTensorsOrInvalidDataException(bool compressed)
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(FilePath, new Dictionary<string, Tensor> { ["a"] = rand(2, 3), ["b"] = ones(3, ScalarType.Bool) });
        Fuzz.Mutations(compressed ? PublishedArrays.Archive : File.ReadAllBytes(FilePath), file =>
        {
            using var archive = new NumPyArchive(new MemoryStream(file));
            var read = new NamedTensors();
            try
            {
                foreach (var name in archive.Names)
                    if (name == "files") archive.ReadText(name);
                    else read.TryAdd(name, archive.Read(name));
                return read;
            }
            catch
            {
                read.Dispose();
                throw;
            }
        });
    }
}
