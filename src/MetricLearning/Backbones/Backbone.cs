using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A network that turns images into a feature map: <c>[N, 3, H, W] → [N, Channels, h, w]</c>.</summary>
/// <remarks>
/// <para>To add one, derive a class, keep the layers in private fields named as in the published weights, call <c>RegisterComponents()</c>
/// at the end of the constructor, and implement <see cref="FeatureMap"/> with <c>.call(x)</c> on every layer, so that
/// <see cref="LayerFeatures"/> and <see cref="ModelSummary"/> see them. The base class checks the images and frees the intermediate
/// tensors.</para>
/// <para>Thread safety: in evaluation mode any number of threads may call it at once. Training, loading weights, moving the network and
/// switching its mode are for one thread, while no other uses it.</para>
/// </remarks>
public abstract class Backbone : nn.Module<Tensor, Tensor>
{
    private readonly ImageLayout layout;

    /// <summary>Creates the network with its name and the sizes of its input and output.</summary>
    /// <param name="name">The network's name, such as <c>ResNet18</c>.</param>
    /// <param name="channels">The number of channels of the feature map.</param>
    /// <param name="minimumSize">The smallest height and width in pixels that give a feature map. Default: 1.</param>
    /// <param name="imageChannels">The number of channels of the images: 3 for color, 1 for gray. Default: 3.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is less than 1.</exception>
    protected Backbone(string name, long channels, long minimumSize = 1, long imageChannels = 3) : base(name)
    {
        Channels = Guard.AtLeast(channels, 1);
        MinimumSize = Guard.AtLeast(minimumSize, 1);
        ImageChannels = Guard.AtLeast(imageChannels, 1);
        layout = new(this);
    }

    /// <summary>The number of channels of the feature map.</summary>
    public long Channels { get; }

    /// <summary>The smallest height and width in pixels that the network takes.</summary>
    public long MinimumSize { get; }

    /// <summary>The number of channels of the images that the network takes: 3 for color, 1 for gray.</summary>
    public long ImageChannels { get; }

    /// <summary>The feature map of a batch of images.</summary>
    /// <param name="images">[N, <see cref="ImageChannels"/>, H, W] with N ≥ 1, of the type and on the device of the weights.</param>
    /// <returns>[N, <see cref="Channels"/>, h, w]. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">The images have another shape, type or device, or are too small; the message says
    /// which.</exception>
    public sealed override Tensor forward(Tensor images)
    {
        Check(images);
        using var scope = NewDisposeScope();
        var map = Returned.Shape(FeatureMap(layout.Apply(images)), this, nameof(FeatureMap), images.size(0), Channels, Returned.Any,
            Returned.Any);
        return map.contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Runs the network itself. The caller frees the tensors that are created here, except the result.</summary>
    /// <param name="images">[N, <see cref="ImageChannels"/>, H, W], checked. On the CPU the channels of a position may lie side by side in
    /// memory (PyTorch's <c>channels_last</c>), because convolutions are faster in this layout: do not assume the usual strides.</param>
    /// <returns>[N, <see cref="Channels"/>, h, w].</returns>
    protected abstract Tensor FeatureMap(Tensor images);

    /// <summary>Fails unless the network takes the images.</summary>
    private protected void Check(Tensor images)
    {
        Guard.InUse(this);
        new ImageRequirements(GetName(), ImageChannels, MinimumSize, parameters().FirstOrDefault()).Require(images);
    }
}
