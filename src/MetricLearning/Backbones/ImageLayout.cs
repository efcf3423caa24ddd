using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Chooses the memory layout of a network's images so that its convolutions are fast.</summary>
/// <remarks>
/// <para>libtorch's convolutions, batch norms and pools on the CPU keep the layout of their input. They are up to twice as fast if the
/// channels of a position lie side by side (PyTorch's <c>channels_last</c>), because a vector then holds channels, however small the map
/// is. The values are the same up to rounding.</para>
/// <para>Thread safety: any number of threads may use it at once.</para>
/// </remarks>
internal sealed class ImageLayout
{
    private readonly Lazy<bool> suits;

    /// <summary>Prepares for a network. Its layers are inspected when the first images come.</summary>
    public ImageLayout(nn.Module network) => suits = new(() => Suits([.. network.modules()]));

    /// <summary>Returns the images with their channels side by side if the network is faster with them; otherwise the images
    /// themselves.</summary>
    /// <param name="images">[N, C, H, W].</param>
    /// <returns>[N, C, H, W] of the same values. The caller frees it as an intermediate tensor of its scope.</returns>
    public Tensor Apply(Tensor images) =>
        Helps(images.device_type, images.dtype) && suits.Value ? SideBySide(images) : images;

    /// <summary>Whether libtorch has faster code for channels side by side.</summary>
    public static bool Helps(TorchSharp.DeviceType device, ScalarType type) =>
        device == TorchSharp.DeviceType.CPU && type is ScalarType.Float32 or ScalarType.BFloat16;

    /// <summary>A copy with the channels of a position side by side.</summary>
    /// <param name="maps">[N, C, H, W].</param>
    /// <returns>[N, C, H, W]. The caller has a dispose scope open.</returns>
    public static Tensor SideBySide(Tensor maps) => maps.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

    /// <summary>A transformer has one convolution and gains nothing. Instance norm does not keep the layout: libtorch copies each of its
    /// maps there and back, and the copies cost more than the layout gains.</summary>
    private static bool Suits(IReadOnlyList<nn.Module> layers) =>
        layers.OfType<Conv2d>().Skip(1).Any() && !layers.Any(layer => layer is InstanceNorm2d);
}
