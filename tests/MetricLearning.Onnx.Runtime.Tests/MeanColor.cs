using TorchSharp;

namespace MetricLearning.Onnx.Runtime.Tests;

/// <summary>Networks without weights. Their embedding is the mean of each channel, which shows how the embedder prepares images.</summary>
internal static class MeanColor
{
    /// <summary>The network that takes normalized planes [N, 3, H, W].</summary>
    public static string Planes(string folder, EmbeddingSpace? space = null, params long[] size) => Write(folder, "planes.onnx", space,
        new("images", OnnxTypes.Float, [-1, 3, .. size.Length == 0 ? [8L, 4L] : size]), [Mean("images", 2, 3)]);

    /// <summary>The network that takes pixels [N, H, W, 3].</summary>
    public static string Pixels(string folder, EmbeddingSpace? space = null) => Write(folder, "pixels.onnx", space,
        new("images", OnnxTypes.Byte, [-1, 8, 4, 3]),
        [new("Cast", ["images"], ["numbers"], new Dictionary<string, object> { ["to"] = (long)OnnxTypes.Float }), Mean("numbers", 1, 2)]);

    /// <summary>A node that computes means along axes.</summary>
    /// <param name="from">The name of its input; its output is called <c>embedding</c>.</param>
    /// <param name="axes">The axes. Its output does not have them.</param>
    public static OnnxNode Mean(string from, params long[] axes) =>
        new("ReduceMean", [from], ["embedding"], new Dictionary<string, object> { ["axes"] = axes, ["keepdims"] = 0L });

    /// <summary>A network of these nodes, which take <c>images</c> and give <c>embedding</c>.</summary>
    public static string Write(string folder, string name, EmbeddingSpace? space, OnnxInput images, OnnxNode[] nodes,
        OnnxInput? embedding = null)
    {
        var path = Path.Combine(folder, name);
        using var stream = File.Create(path);
        KeyValuePair<string, string>[] metadata = space is null ? [] : [new(EmbeddingSpace.MetadataKey, space.ToJson())];
        OnnxWriter.File(nodes, Array.Empty<KeyValuePair<string, torch.Tensor>>(), [images],
            [embedding ?? new("embedding", OnnxTypes.Float, [-1, 3])], metadata).WriteTo(stream);
        return path;
    }
}
