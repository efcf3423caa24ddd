using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Multiplies each channel by a weight in (0, 1), which two small linear layers (<c>fc.0</c> and <c>fc.2</c>) compute from the
/// channels' means.</summary>
/// <remarks>Hu, Shen, Sun, <i>Squeeze-and-Excitation Networks</i>, CVPR 2018; without biases, as in fast-reid and IBN-Net.</remarks>
internal sealed class SqueezeExcitation : nn.Module<Tensor, Tensor>, IGraphLayer
{
    private const int Reduction = 16;

    private readonly Sequential fc;

    public SqueezeExcitation(long channels) : base(nameof(SqueezeExcitation))
    {
        fc = nn.Sequential(
            nn.Linear(channels, channels / Reduction, hasBias: false), nn.ReLU(),
            nn.Linear(channels / Reduction, channels, hasBias: false), nn.Sigmoid());
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var weights = fc.call(x.mean([2, 3]));
        return (x * weights.unsqueeze(-1).unsqueeze(-1)).MoveToOuterDisposeScope();
    }

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x) =>
        graph.Multiply(x, graph.Reshape(graph.Run(fc, graph.Mean(x, [2, 3])), 0, graph.Size(x, 1), 1, 1));
}
