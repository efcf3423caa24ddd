using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>Tests what readers say about a path that is not a file's.</summary>
[LeavesNoTensors]
public sealed class InputFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("input-file").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>The system would say that the access is denied, and a user would look for rights.</summary>
    [Fact]
    public void AFolder_IsCalledOne_ByEveryReader()
    {
        using var model = new EmbeddingModel(new ConvNet4());
        foreach (var (reader, read) in new (string, Action)[]
        {
            ("NumPyFile.Read", () => NumPyFile.Read(folder)),
            ("NumPyFile.ReadText", () => NumPyFile.ReadText(folder)),
            ("NumPyArchive", () => new NumPyArchive(folder).Dispose()),
            ("MatFile", () => MatFile.Read(folder)),
            ("SafeTensors", () => SafeTensors.Read(folder)),
            ("WeightFile", () => WeightFile.Read(folder)),
            ("LoadWeights", () => model.LoadWeights(folder)),
            ("LoadForInference", () => model.LoadForInference(folder)),
            ("EmbeddingSet", () => EmbeddingSet.Load(folder)),
            ("EmbeddingSpace", () => EmbeddingSpace.Read(folder)),
        })
        {
            var error = Record.Exception(read);
            Assert.True(error is IOException, $"{reader}: {error}");
            Assert.Equal((reader, $"{folder} is a folder, but a file was expected."), (reader, error.Message));
        }
    }
}
