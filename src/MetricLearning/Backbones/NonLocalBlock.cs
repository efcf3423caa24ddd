using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A non-local block: adds to each position of the map a weighted sum over all P positions, <c>x + W(θ(x) (φ(x)ᵀ g(x)) /
/// P)</c>.</summary>
/// <remarks>
/// This is the dot-product form. It needs no P × P matrix, because the small product φ(x)ᵀ g(x) is computed first. The inner maps have one
/// channel, as in AGW and fast-reid, whose weights have that shape (their code divides the reduction ratio by itself; the paper halves the
/// channels). W ends in a batch norm that starts from zero, so that the block starts as the identity. Wang, Girshick, Gupta, He,
/// <i>Non-local Neural Networks</i>, CVPR 2018; Ye et al., <i>Deep Learning for Person Re-identification</i>, TPAMI 2021.
/// </remarks>
internal sealed class NonLocalBlock : nn.Module<Tensor, Tensor>, IMultiplyAdds, IGraphLayer
{
    private const long Inner = 1;

    private readonly Conv2d g;
    private readonly Sequential W;
    private readonly Conv2d theta;
    private readonly Conv2d phi;

    public NonLocalBlock(long channels) : base(nameof(NonLocalBlock))
    {
        g = Convolution.Plain(channels, Inner, kernel: 1);
        var norm = new SafeBatchNorm(channels);
        nn.init.zeros_(norm.weight);
        W = nn.Sequential(Convolution.Plain(Inner, channels, kernel: 1), norm);
        theta = Convolution.Plain(channels, Inner, kernel: 1);
        phi = Convolution.Plain(channels, Inner, kernel: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var values = g.call(x).flatten(2).transpose(1, 2);
        var product = phi.call(x).flatten(2).matmul(values) / S(x.size(2) * x.size(3));
        var sums = product.transpose(1, 2).matmul(theta.call(x).flatten(2));
        return W.call(sums.reshape(x.size(0), Inner, x.size(2), x.size(3))).Plus(x).MoveToOuterDisposeScope();
    }

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x)
    {
        long height = graph.Size(x, 2), width = graph.Size(x, 3);
        var values = graph.Transpose(Flat(g), 0, 2, 1);
        var product = graph.Divide(graph.MatrixProduct(Flat(phi), values), graph.Constant(height * width));
        var sums = graph.MatrixProduct(graph.Transpose(product, 0, 2, 1), Flat(theta));
        return graph.Add(graph.Run(W, graph.Reshape(sums, 0, Inner, height, width)), x);

        GraphValue Flat(Conv2d layer) => graph.Reshape(graph.Run(layer, x), 0, Inner, height * width);
    }

    public long MultiplyAdds(Tensor output) => 2 * output.size(0) * output.size(2) * output.size(3) * Inner * Inner;
}
