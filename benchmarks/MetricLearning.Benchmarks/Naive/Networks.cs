using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>A backbone of this library as PyTorch runs it by default: layer after layer, each channel of an image a plane of its
/// own.</summary>
internal static class Networks
{
    /// <summary>The means of the feature map, [N, C].</summary>
    /// <param name="backbone">OSNet, or ResNet without non-local blocks.</param>
    /// <param name="images">[N, C, H, W].</param>
    public static Tensor Features(Backbone backbone, Tensor images)
    {
        var x = images;
        foreach (var (name, layer) in backbone.named_children())
        {
            x = ((nn.Module<Tensor, Tensor>)layer).call(x);
            if (name == "bn1") x = x.relu();        // of ResNet: no layer, but a step of its forward pass
        }
        return x.mean([2, 3]);
    }
}
