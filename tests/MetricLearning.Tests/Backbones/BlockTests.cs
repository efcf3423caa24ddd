using MathNet.Numerics;
using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the blocks against plain loops and sums.</summary>
[LeavesNoTensors]
public class BlockTests
{
    private const double Epsilon = 1e-5;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SplitNorm_IsInstanceNormOnHalfTheChannels_AndBatchNormOnTheRest(bool training)
    {
        using var scope = NewDisposeScope();
        using var norm = new SplitNorm(5);      // 2 by instance, 3 by batch
        Randomize(norm);
        norm.to(ScalarType.Float64).train(training);
        var state = norm.state_dict().ToDictionary(named => named.Key, named => named.Value.clone());
        Assert.Equal(["BN.bias", "BN.num_batches_tracked", "BN.running_mean", "BN.running_var", "BN.weight", "IN.bias", "IN.weight"],
            state.Keys.Order(StringComparer.Ordinal));
        var x = randn(3, 5, 4, 2, ScalarType.Float64);
        var expected = x.clone();
        for (var c = 0; c < 5; c++)
        {
            var (name, at) = c < 2 ? ("IN", c) : ("BN", c - 2);
            for (var n = 0; n < 3; n++)
            {
                var values = c < 2 ? x[n, c] : x[TensorIndex.Colon, c];
                var running = c >= 2 && !training;
                var mean = running ? state["BN.running_mean"][at] : values.mean();
                var variance = running ? state["BN.running_var"][at] : (values - mean).square().mean();
                expected[n, c] = (x[n, c] - mean) / (variance + Epsilon).sqrt() * state[name + ".weight"][at] + state[name + ".bias"][at];
            }
        }
        Close(expected, norm.call(x), 1e-12);
    }

    [Fact]
    public void SqueezeExcitation_WeighsTheChannels()
    {
        using var scope = NewDisposeScope();
        using var block = new SqueezeExcitation(32);
        block.to(ScalarType.Float64);
        var state = block.state_dict();
        Assert.Equal(["fc.0.weight", "fc.2.weight"], state.Keys);
        var x = randn(2, 32, 3, 5, ScalarType.Float64);
        var expected = x.clone();
        for (var n = 0; n < 2; n++)
        {
            var means = stack([.. Enumerable.Range(0, 32).Select(c => x[n, c].mean())]);
            var hidden = state["fc.0.weight"].mv(means).clamp_min(0);
            var weights = 1 / (1 + (-state["fc.2.weight"].mv(hidden)).exp());
            for (var c = 0; c < 32; c++) expected[n, c] = x[n, c] * weights[c];
        }
        Close(expected, block.call(x), 1e-12);
    }

    [Fact]
    public void NonLocalBlock_IsTheSumOverAllPairsOfPlaces()
    {
        using var scope = NewDisposeScope();
        using var block = new NonLocalBlock(6);
        Randomize(block);
        block.to(ScalarType.Float64).eval();
        var state = block.state_dict();
        var x = randn(2, 6, 4, 3, ScalarType.Float64);
        Tensor g = Map("g"), theta = Map("theta"), phi = Map("phi");       // [N, 1, P]
        var pairs = einsum("ncp,ncq->npq", theta, phi) / 12;
        var y = einsum("npq,ncq->ncp", pairs, g);
        var w = einsum("oc,ncp->nop", state["W.0.weight"][.., .., 0, 0], y) + state["W.0.bias"].view(1, -1, 1);
        var normed = (w - state["W.1.running_mean"].view(1, -1, 1)) / (state["W.1.running_var"].view(1, -1, 1) + Epsilon)
            .sqrt() * state["W.1.weight"].view(1, -1, 1) + state["W.1.bias"].view(1, -1, 1);
        Close(normed.view(2, 6, 4, 3) + x, block.call(x), 1e-12);

        Tensor Map(string name) =>
            einsum("oc,ncp->nop", state[name + ".weight"][.., .., 0, 0], x.flatten(2)) + state[name + ".bias"].view(1, -1, 1);
    }

    [Fact]
    public void NonLocalBlock_StartsAsTheIdentity()
    {
        using var scope = NewDisposeScope();
        using var block = new NonLocalBlock(6);
        var x = randn(2, 6, 4, 3);
        Assert.True(x.Equals(block.call(x)));
        Assert.Equal([1, 6, 1, 1], block.state_dict()["theta.weight"].shape);
    }

    [Fact]
    public void TransformerBlock_IsAttentionAndPerceptron_InPlainLoops()
    {
        const int Tokens = 5, Dimension = 12, Heads = 3, Length = Dimension / Heads;
        using var scope = NewDisposeScope();
        using var block = new TransformerBlock(Dimension, Heads, dropped: 0);
        Randomize(block);
        block.to(ScalarType.Float64);
        var x = randn(1, Tokens, Dimension, ScalarType.Float64);
        var state = block.state_dict().ToDictionary(named => named.Key, named => named.Value.detach().flatten().data<double>().ToArray());

        var values = x.flatten().data<double>().ToArray().Chunk(Dimension).ToArray();
        var normed = values.Select(row => Norm(row, "norm1")).ToArray();
        var qkv = normed.Select(row => Linear(row, "attn.qkv", 3 * Dimension)).ToArray();
        var seen = new double[Tokens][];
        for (var t = 0; t < Tokens; t++)
        {
            seen[t] = new double[Dimension];
            for (var head = 0; head < Heads; head++)
            {
                var weights = new double[Tokens];
                for (var u = 0; u < Tokens; u++)
                {
                    for (var i = 0; i < Length; i++) weights[u] += qkv[t][head * Length + i] * qkv[u][Dimension + head * Length + i];
                    weights[u] = Math.Exp(weights[u] / Math.Sqrt(Length));
                }
                for (var u = 0; u < Tokens; u++)
                    for (var i = 0; i < Length; i++) seen[t][head * Length + i] += weights[u] / weights.Sum()
                        * qkv[u][2 * Dimension + head * Length + i];
            }
        }
        var expected = new double[Tokens * Dimension];
        for (var t = 0; t < Tokens; t++)
        {
            var first = values[t].Zip(Linear(seen[t], "attn.proj", Dimension), (a, b) => a + b).ToArray();
            var hidden = Linear(Norm(first, "norm2"), "mlp.fc1", 4 * Dimension)
                .Select(v => v * 0.5 * (1 + SpecialFunctions.Erf(v / Math.Sqrt(2)))).ToArray();
            first.Zip(Linear(hidden, "mlp.fc2", Dimension), (a, b) => a + b).ToArray().CopyTo(expected, t * Dimension);
        }
        Close(tensor(expected).view(1, Tokens, Dimension), block.call(x), 1e-10);

        double[] Norm(double[] row, string name)
        {
            var mean = row.Average();
            var deviation = Math.Sqrt(row.Average(v => (v - mean) * (v - mean)) + 1e-6);
            return [.. row.Select((v, i) => (v - mean) / deviation * state[name + ".weight"][i] + state[name + ".bias"][i])];
        }

        double[] Linear(double[] row, string name, int outputs) =>
            [.. Enumerable.Range(0, outputs).Select(o => row.Select((v, i) => v * state[name + ".weight"][o * row.Length + i])
                .Sum() + state[name + ".bias"][o])];
    }

    [Fact]
    public void TransformerBlock_InTraining_LeavesWholePathsOut_AndScalesTheRest()
    {
        manual_seed(3);
        using var scope = NewDisposeScope();
        using var block = new TransformerBlock(8, 2, dropped: 0.5);
        var x = randn(1, 4, 8).expand(64, -1, -1);
        using (no_grad())
        {
            // Each path is kept or left out. All four outcomes occur, and no other.
            var outcomes = block.call(x).flatten(1).data<float>().ToArray().Chunk(32)
                .Select(row => string.Join(" ", row.Select(v => MathF.Round(v, 4)))).ToHashSet();
            Assert.Equal(4, outcomes.Count);
            block.eval();
            Assert.Single(block.call(x).flatten(1).data<float>().ToArray().Chunk(32)
                .Select(row => string.Join(" ", row.Select(v => MathF.Round(v, 4)))).ToHashSet());
        }
    }

    private static void Randomize(nn.Module module)
    {
        using var noGradient = no_grad();
        foreach (var (name, tensor) in module.state_dict())
            if (name.EndsWith("running_var", StringComparison.Ordinal)) tensor.uniform_(0.5, 2);
            else if (tensor.is_floating_point()) tensor.normal_(0, 0.5);
    }

    private static void Close(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.InRange((expected - actual).abs().max().ToDouble(), 0, tolerance);
    }
}
