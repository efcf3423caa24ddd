using System.Reflection;
using System.Text;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that every public reader with a path names the file in each of its errors.</summary>
[LeavesNoTensors]
public sealed class PathReaderTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("readers").FullName;

    private static IEnumerable<MethodInfo> Methods => typeof(WeightFile).Assembly.GetExportedTypes()
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly))
        .Where(method => method.Name.StartsWith("Read", StringComparison.Ordinal)
            && method.GetParameters() is [{ Name: "path" }, ..] parameters && parameters[0].ParameterType == typeof(string));

    public static TheoryData<string> Readers =>
        [.. Methods.Select(method => $"{method.DeclaringType!.Name}.{method.Name}"), "new NumPyArchive", "LoadWeights"];

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Readers_AreFound() => Assert.Superset(
        new HashSet<string>(["MatFile.Read", "NumPyFile.Read", "NumPyFile.ReadText", "SafeTensors.Read", "TorchCheckpointFile.Read",
            "WeightFile.Read"]),
        Readers.Select(row => row.Data).ToHashSet());

    [Theory]
    [MemberData(nameof(Readers))]
    public void Errors_NameTheFile(string reader)
    {
        var path = Path.Combine(folder, "no-such-file.bin");
        foreach (byte[]? content in new byte[]?[]
            {
                null,                                                       // no file at all
                [],
                Encoding.UTF8.GetBytes("<html>not found</html>, and a little more"),
                [.. "PK"u8, 3, 4, .. new byte[60]],                         // a broken zip archive
                [0x80, 2, (byte)'K', 1, (byte)'.', .. new byte[20]],        // a pickle
                [20, 0, 0, 0, 0, 0, 0, 0, .. "{\"a\":{}}            "u8],   // safetensors without an entry's fields
                [0x93, .. "NUMPY"u8, 1, 0, 200, 0, .. new byte[8]],         // an array that ends within its header
                [.. "MATLAB 5.0".PadRight(124).Select(c => (byte)c), 0, 1, (byte)'I', (byte)'M', 14, 0, 0, 0, 0, 1, 0, 0],
            })
        {
            if (content is not null) File.WriteAllBytes(path, content);
            var error = Record.Exception(() => Call(reader, path));
            Assert.True(error is IOException or InvalidDataException, $"{reader}: {error}");
            Assert.Contains(path, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ErrorsOfAnArchivesArrays_NameTheFile()
    {
        var path = Path.Combine(folder, "arrays.npz");
        NumPyArchive.Write(path, [], [new("files", ["a.jpg"])]);
        using var archive = new NumPyArchive(path);
        Assert.StartsWith($"{path}: files: Not a NumPy array", Assert.Throws<InvalidDataException>(() => archive.Read("files")).Message);
        Assert.StartsWith($"{path}: There is no array 'feat'.", Assert.Throws<KeyNotFoundException>(() => archive.Read("feat")).Message);
    }

    [Fact]
    public void WeightsThatDoNotFit_NameTheFile()
    {
        var path = Path.Combine(folder, "other.safetensors");
        using var other = nn.Linear(2, 2);
        SafeTensors.Write(path, other.state_dict());
        using var model = nn.Linear(3, 2);
        Assert.StartsWith($"{path}: The weights do not fit the model",
            Assert.Throws<InvalidDataException>(() => model.LoadWeights(path)).Message);
    }

    private static void Call(string reader, string path)
    {
        if (reader == "new NumPyArchive")
        {
            new NumPyArchive(path).Dispose();
            return;
        }
        if (reader == "LoadWeights")
        {
            using var model = nn.Linear(3, 2);
            model.LoadWeights(path);
            return;
        }
        var method = Methods.Single(method => $"{method.DeclaringType!.Name}.{method.Name}" == reader);
        object?[] arguments = [path, .. method.GetParameters().Skip(1).Select(parameter => parameter.DefaultValue)];
        try
        {
            (method.Invoke(null, arguments) as IDisposable)?.Dispose();
        }
        catch (TargetInvocationException e)
        {
            throw e.InnerException!;
        }
    }
}
