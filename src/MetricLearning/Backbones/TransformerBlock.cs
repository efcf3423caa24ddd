using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Self-attention, then a perceptron, each after a layer norm and with a shortcut: <c>x + Attention(LN(x))</c>, then
/// <c>x + MLP(LN(x))</c>.</summary>
internal sealed class TransformerBlock : nn.Module<Tensor, Tensor>, IGraphLayer
{
    private const int Widening = 4;

    private readonly LayerNorm norm1;
    private readonly Attention attn;
    private readonly LayerNorm norm2;
    private readonly Perceptron mlp;
    private readonly double dropped;

    /// <param name="dimension">The tokens' length.</param>
    /// <param name="heads">The number of heads of the attention.</param>
    /// <param name="dropped">The probability, in training, that a sample takes only the shortcut (stochastic depth).</param>
    public TransformerBlock(long dimension, int heads, double dropped) : base(nameof(TransformerBlock))
    {
        this.dropped = dropped;
        norm1 = Norm(dimension);
        attn = new Attention(dimension, heads);
        norm2 = Norm(dimension);
        mlp = new Perceptron(dimension, dimension * Widening);
        RegisterComponents();
    }

    public static LayerNorm Norm(long dimension) => nn.LayerNorm(dimension, eps: 1e-6);

    /// <summary>A linear layer whose weights start from N(0, 0.02) and whose bias starts from 0.</summary>
    // timm truncates the distribution at ±2, a hundred standard deviations away. TorchSharp 0.107's trunc_normal_ is not used: it fills the
    // tensor with one constant or with infinities.
    public static Linear Linear(long inputs, long outputs)
    {
        var linear = nn.Linear(inputs, outputs);
        nn.init.normal_(linear.weight, 0, 0.02);
        nn.init.zeros_(linear.bias);
        return linear;
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var y = x.Plus(Drop(attn.call(norm1.call(x))));
        return y.Plus(Drop(mlp.call(norm2.call(y)))).MoveToOuterDisposeScope();
    }

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x)
    {
        var y = graph.Add(x, graph.Run(attn, graph.Run(norm1, x)));
        return graph.Add(y, graph.Run(mlp, graph.Run(norm2, y)));
    }

    private Tensor Drop(Tensor path)
    {
        if (!training || dropped == 0) return path;
        var kept = empty([path.size(0), 1, 1], path.dtype, path.device).bernoulli_(1 - dropped);
        return path * kept / S(1 - dropped);
    }

    /// <summary>softmax(q kᵀ / √d) v in each head.</summary>
    private sealed class Attention : nn.Module<Tensor, Tensor>, IMultiplyAdds, IGraphLayer
    {
        private readonly Linear qkv;
        private readonly Linear proj;
        private readonly int heads;

        public Attention(long dimension, int heads) : base(nameof(Attention))
        {
            this.heads = heads;
            qkv = TransformerBlock.Linear(dimension, 3 * dimension);
            proj = TransformerBlock.Linear(dimension, dimension);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            long batch = x.size(0), tokens = x.size(1), dimension = x.size(2);
            var parts = qkv.call(x).reshape(batch, tokens, 3, heads, dimension / heads).permute(2, 0, 3, 1, 4);
            var attended = nn.functional.scaled_dot_product_attention(parts.select(0, 0), parts.select(0, 1), parts.select(0, 2));
            return proj.call(attended.transpose(1, 2).reshape(batch, tokens, dimension)).MoveToOuterDisposeScope();
        }

        GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x)
        {
            long tokens = graph.Size(x, 1), dimension = graph.Size(x, 2), length = dimension / heads;
            var all = graph.Run(qkv, x);
            var scores = graph.MatrixProduct(graph.Transpose(Heads(0), 0, 2, 1, 3), graph.Transpose(Heads(1), 0, 2, 3, 1));
            var shares = graph.Softmax(graph.Multiply(scores, graph.Constant(1 / Math.Sqrt(length))));
            var attended = graph.MatrixProduct(shares, graph.Transpose(Heads(2), 0, 2, 1, 3));
            return graph.Run(proj, graph.Reshape(graph.Transpose(attended, 0, 2, 1, 3), 0, tokens, dimension));

            GraphValue Heads(int part) =>
                graph.Reshape(graph.Slice(all, 2, part * dimension, dimension), 0, tokens, heads, length);
        }

        public long MultiplyAdds(Tensor output) => 2 * output.size(0) * output.size(1) * output.size(1) * output.size(2);
    }

    /// <summary>Two linear layers with GELU between them.</summary>
    private sealed class Perceptron : nn.Module<Tensor, Tensor>, IGraphLayer
    {
        private readonly Linear fc1;
        private readonly Linear fc2;

        public Perceptron(long dimension, long hidden) : base(nameof(Perceptron))
        {
            fc1 = TransformerBlock.Linear(dimension, hidden);
            fc2 = TransformerBlock.Linear(hidden, dimension);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            return fc2.call(fc1.call(x).gelu()).MoveToOuterDisposeScope();
        }

        GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x) => graph.Run(fc2, graph.Gelu(graph.Run(fc1, x)));
    }
}
