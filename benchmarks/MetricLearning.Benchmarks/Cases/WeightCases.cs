using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Reading a state dict of 100 MB. The floor only reads the bytes of the file.</summary>
internal static class WeightCases
{
    private const int Layers = 100;
    private const int Width = 512;

    public static IEnumerable<Case> All =>
    [
        Of("PyTorch's zip archive", ".pth", TorchCheckpointFile.Write),
        Of("safetensors", ".safetensors", (path, tensors) => SafeTensors.Write(path, tensors)),
    ];

    private static Case Of(string format, string ending, Action<string, IEnumerable<KeyValuePair<string, Tensor>>> write) =>
        new("weights", $"read a state dict, {format}", $"{Layers} x {Width} x {Width}", _ =>
        {
            var file = new StateDictFile(ending, write);
            return new(file)
            {
                Ours = Work.Scoped(() =>
                {
                    using var weights = WeightFile.Read(file.Path);
                    return [tensor(weights.Count)];
                }),
                Floor = () =>
                {
                    File.ReadAllBytes(file.Path);
                    return [];
                },
            };
        })
        {
            Floor = "reading the file's bytes",
        };

    /// <summary>A state dict in a temporary folder.</summary>
    private sealed class StateDictFile : IDisposable
    {
        private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("state-dict-");

        public StateDictFile(string ending, Action<string, IEnumerable<KeyValuePair<string, Tensor>>> write)
        {
            using var scope = NewDisposeScope();
            Path = System.IO.Path.Combine(folder.FullName, $"weights{ending}");
            write(Path, Enumerable.Range(0, Layers).Select(layer => KeyValuePair.Create($"layers.{layer}.weight", rand(Width, Width))));
        }

        public string Path { get; }

        public void Dispose() => folder.Delete(recursive: true);
    }
}
