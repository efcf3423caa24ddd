using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Quality;

/// <summary>The small networks that are trained.</summary>
internal static class Networks
{
    /// <summary>The length of an embedding.</summary>
    public const long Dimension = 64;

    /// <summary>A network whose weights are drawn from torch's generator.</summary>
    /// <param name="data">What it sees.</param>
    /// <param name="head">Its head.</param>
    /// <param name="classes">The classes of its classifier; 0 for none.</param>
    public static EmbeddingModel Create(QualityData data, Head head, int classes)
    {
        Backbone backbone = data.HasMaps ? new SmallConvNet(data.Channels) : new GivenFeatures(data.Channels);
        return new EmbeddingModel(backbone, head.GeM ? new GeMPooling() : null, head.BatchNorm ? new BNNeck(Dimension) : null, classes,
            new LinearNeck(backbone.Channels, Dimension));
    }

    /// <summary>Three convolutions, each of which halves the picture.</summary>
    private sealed class SmallConvNet : Backbone
    {
        private readonly Sequential layers;

        public SmallConvNet(int channels) : base(nameof(SmallConvNet), channels: 64, imageChannels: channels)
        {
            layers = nn.Sequential(
                [.. Half("1", channels, 16), .. Half("2", 16, 32), .. Half("3", 32, 64)]);
            RegisterComponents();
        }

        protected override Tensor FeatureMap(Tensor images) => layers.call(images);

        private static (string, nn.Module<Tensor, Tensor>)[] Half(string name, long from, long to) =>
        [
            ($"conv{name}", nn.Conv2d(from, to, 3, stride: 2, padding: 1, bias: false)),
            ($"bn{name}", new SafeBatchNorm(to)),
            ($"relu{name}", nn.ReLU()),
        ];
    }

    /// <summary>Features that another network gave.</summary>
    private sealed class GivenFeatures(int channels) : Backbone(nameof(GivenFeatures), channels, imageChannels: channels)
    {
        protected override Tensor FeatureMap(Tensor images) => images;
    }

    /// <summary>A linear layer.</summary>
    private sealed class LinearNeck : Neck
    {
        private readonly Linear linear;

        public LinearNeck(long from, long to) : base(nameof(LinearNeck))
        {
            linear = nn.Linear(from, to);
            RegisterComponents();
        }

        public override long OutputDimension(long inputDimension) => linear.weight.size(0);

        protected override Tensor Transform(Tensor features) => linear.call(features);
    }
}
