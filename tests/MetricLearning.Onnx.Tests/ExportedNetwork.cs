using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>A network in a file of its own, run by ONNX Runtime.</summary>
internal sealed class ExportedNetwork : IDisposable
{
    private readonly InferenceSession session;

    public ExportedNetwork(nn.Module model, OnnxOptions? options = null)
    {
        Path = System.IO.Path.Combine(Directory.CreateTempSubdirectory("onnx").FullName, "network.onnx");
        Space = OnnxFile.Export(model, Path, options);
        session = Sessions.Open(Path);
    }

    public string Path { get; }

    public EmbeddingSpace Space { get; }

    public IReadOnlyDictionary<string, string> Metadata => session.ModelMetadata.CustomMetadataMap;

    /// <summary>Runs the network, and returns its outputs by their names.</summary>
    public Dictionary<string, Tensor> Run(Tensor images, Tensor? side = null) =>
        side is null ? session.Run(("images", images)) : session.Run(("images", images), ("side", side));

    public void Dispose()
    {
        session.Dispose();
        Directory.Delete(System.IO.Path.GetDirectoryName(Path)!, recursive: true);
    }
}
