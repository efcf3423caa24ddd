using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>IBN-a's norm: instance norm (<c>IN</c>) on the first half of the channels, batch norm (<c>BN</c>) on the rest.</summary>
internal sealed class SplitNorm : nn.Module<Tensor, Tensor>, IGraphLayer
{
    private readonly InstanceNorm2d IN;
    private readonly SafeBatchNorm BN;
    private readonly long half;
    private readonly long rest;

    public SplitNorm(long channels) : base(nameof(SplitNorm))
    {
        half = channels / 2;
        rest = channels - half;
        IN = nn.InstanceNorm2d(half, affine: true);
        BN = new SafeBatchNorm(rest);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return cat([IN.call(x.narrow(1, 0, half)), BN.call(x.narrow(1, half, rest))], 1).MoveToOuterDisposeScope();
    }

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x) => graph.Concatenate(
        [graph.Run(IN, graph.Slice(x, 1, 0, half)), graph.Run(BN, graph.Slice(x, 1, half, rest))], 1);
}
