// Exports a model, runs the file in ONNX Runtime, and compares the embeddings.
using MetricLearning;
using MetricLearning.Onnx;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using static TorchSharp.torch;

using var model = new EmbeddingModel(OSNet.X025(), neck: new BNNeck(128));
model.eval();
OnnxFile.Export(model, "network.onnx", new OnnxOptions
{
    Space = new EmbeddingSpace { Height = 64, Width = 32, Mean = [0.5f, 0.5f, 0.5f], Deviation = [0.5f, 0.5f, 0.5f], Normalized = true },
});

using var images = randn(3, 3, 64, 32);
using var expected = model.Embed(images);
using var session = new InferenceSession("network.onnx");
using var results = session.Run(
    [NamedOnnxValue.CreateFromTensor("images", new DenseTensor<float>(images.data<float>().ToArray(), [3, 3, 64, 32]))]);
var worst = expected.data<float>().ToArray().Zip(results[0].AsEnumerable<float>(), (x, y) => Math.Abs(x - y)).Max();
Console.WriteLine(worst < 1e-4 ? "ONNX Runtime gives the same embeddings" : $"the embeddings differ by {worst}");
