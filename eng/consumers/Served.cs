// Embeds an image with an exported network, in a process without libtorch.
using MetricLearning.Onnx.Runtime;

using var embedder = new OnnxEmbedder(args[0]);
byte[] image = [.. "P6 2 2 255\n"u8, 200, 30, 10, 5, 60, 250, 9, 9, 9, 255, 0, 128];
var embeddings = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => embedder.EmbedAsync(image)));
var length = Math.Sqrt(embeddings[^1].Sum(value => (double)value * value));
var loaded = OperatingSystem.IsLinux() && File.ReadAllText("/proc/self/maps").Contains("torch_cpu", StringComparison.Ordinal);
Console.WriteLine($"{embeddings[^1].Length} numbers of length {length:0.####}, {(loaded ? "with" : "without")} libtorch");
