using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A small network for small images, gray by default (characters, faces): four blocks of a 3×3 convolution, batch norm, ReLU and
/// 2×2 max pooling.</summary>
/// <remarks>
/// It is the embedding network of few-shot learning on Omniglot: an image of 28 × 28 pixels becomes 64 numbers (111,936 parameters). Layers
/// are named <c>encoder.0.0</c> (convolution, with bias) and <c>encoder.0.1</c> (batch norm), as in the published prototypical networks.
/// Convolutions start from Kaiming's normal distribution over fan-out. Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra, <i>Matching
/// Networks for One Shot Learning</i>, NIPS 2016; Snell, Swersky, Zemel, <i>Prototypical Networks for Few-shot Learning</i>, NIPS 2017.
/// </remarks>
public sealed class ConvNet4 : Backbone, IGraphLayer
{
    private const int Layers = 4;

    private readonly Sequential encoder;

    /// <summary>Sets up the network.</summary>
    /// <param name="imageChannels">The number of channels of the images: 1 for gray, 3 for color. Default: 1.</param>
    /// <param name="channels">The number of channels of each layer. Default: 64.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is less than 1.</exception>
    public ConvNet4(long imageChannels = 1, long channels = 64)
        : base(nameof(ConvNet4), channels, minimumSize: 1 << Layers, imageChannels)
    {
        encoder = nn.Sequential(Enumerable.Range(0, Layers).Select(i => nn.Sequential(
            Convolution.Of(i == 0 ? imageChannels : channels, channels, kernel: 3, bias: true),
            new SafeBatchNorm(channels), nn.ReLU(), nn.MaxPool2d(2))));
        RegisterComponents();
    }

    /// <inheritdoc/>
    protected override Tensor FeatureMap(Tensor images) => encoder.call(images);

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue images) => graph.Run(encoder, images);
}
