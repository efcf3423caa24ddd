using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class NeckTests
{
    [Fact]
    public void BNNeck_StandardizesEachColumn_AndItsBiasStaysZero()
    {
        using var scope = NewDisposeScope();
        using var neck = new BNNeck(4);
        var state = neck.state_dict();
        Assert.False(state["bn.bias"].requires_grad);
        Assert.True(state["bn.weight"].requires_grad);
        using var optimizer = optim.Adam(neck.parameters(), lr: 0.1, weight_decay: 0.1);
        for (var step = 0; step < 3; step++)
        {
            optimizer.zero_grad();
            var output = neck.call(randn(16, 4) * 3 + 5);
            Assert.InRange(output.mean([0]).abs().max().ToDouble(), 0, 1e-5);
            output.pow(3).sum().backward();
            optimizer.step();
        }
        Assert.Equal(0, state["bn.bias"].abs().max().ToDouble());
        Assert.NotEqual(0, (state["bn.weight"] - 1).abs().max().ToDouble());
    }

    [Fact]
    public void BNNeck_OfOneRow_WorksInEvalAndSaysWhyNotInTraining()
    {
        using var scope = NewDisposeScope();
        using var neck = new BNNeck(4);
        var error = Assert.Throws<ArgumentException>(() => neck.call(zeros(1, 4)));
        Assert.StartsWith("features must have at least 2 rows while BNNeck trains", error.Message);
        neck.eval();
        Assert.Equal([1, 4], neck.call(zeros(1, 4)).shape);
    }

    [Fact]
    public void FullyConnectedNeck_IsLinearThenBatchNormThenReLU()
    {
        using var scope = NewDisposeScope();
        using var neck = new FullyConnectedNeck(6, 5);
        neck.eval();
        var state = neck.state_dict();
        Assert.Equal(["0.bias", "0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var", "1.weight"],
            state.Keys.Order(StringComparer.Ordinal));
        using (no_grad())
        {
            state["0.bias"].normal_();
            state["1.bias"].normal_();
            state["1.weight"].normal_();
            state["1.running_mean"].normal_();
            state["1.running_var"].uniform_(0.5, 2);
        }
        var x = randn(7, 6);
        var linear = x.matmul(state["0.weight"].t()) + state["0.bias"];
        var expected = ((linear - state["1.running_mean"]) / (state["1.running_var"] + 1e-5).sqrt() * state["1.weight"] + state["1.bias"])
            .clamp_min(0);
        Assert.InRange((neck.call(x) - expected).abs().max().ToDouble(), 0, 1e-5);
    }

    [Fact]
    public void Necks_RefuseFeaturesOfAnotherWidth()
    {
        using var scope = NewDisposeScope();
        using var bnneck = new BNNeck(4);
        using var connected = new FullyConnectedNeck(4);
        Assert.Contains("features must be 4 wide, got 5.", Assert.Throws<ArgumentException>(() => bnneck.call(zeros(3, 5))).Message);
        Assert.Contains("features must be 4 wide, got 5.", Assert.Throws<ArgumentException>(() => connected.call(zeros(3, 5))).Message);
        Assert.StartsWith("features must be [N, D], got [4].", Assert.Throws<ArgumentException>(() => bnneck.call(zeros(4))).Message);
    }

    [Fact]
    public void L2Normalize_GivesUnitRowsAndKeepsZeroRows()
    {
        using var scope = NewDisposeScope();
        using var layer = new L2Normalize();
        var x = randn(5, 3, dtype: ScalarType.Float64);
        x[2].zero_();
        var lengths = layer.call(x).norm(1).data<double>().ToArray();
        Assert.Equal(0, lengths[2]);
        foreach (var row in new[] { 0, 1, 3, 4 }) Assert.Equal(1, lengths[row], 1e-12);
    }

    /// <summary>Half precision has no 10⁻¹² and ends at 65,504, so it is computed in float32. A row that is too long says so by NaN, and is
    /// not 0.</summary>
    [Fact]
    public void EveryNormalization_KeepsZeroRows_AndNoLongRowBecomesZero()
    {
        using var scope = NewDisposeScope();
        using var layer = new L2Normalize();
        foreach (var normalize in new Func<Tensor, Tensor>[] { layer.call, Similarity.Normalize,
            x => ActivationMaps.Of(x.view(x.size(0), 1, 1, x.size(1)).sqrt()).flatten(1) })
            foreach (var type in new[] { ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64 })
            {
                var rows = normalize(tensor(new double[] { 0, 0, 3, 4, 6e4, 6e4 }).view(3, 2).to(type));
                Assert.Equal(type, rows.dtype);
                var numbers = rows.to(ScalarType.Float64).data<double>().ToArray();
                double[] expected = [0, 0, 0.6, 0.8, Math.Sqrt(0.5), Math.Sqrt(0.5)];
                for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], numbers[i], 1e-2);
            }
        foreach (var rows in new[] { layer.call(full([1, 2], 1e25f)), Similarity.Normalize(full([1, 2], 1e25f)) })
            Assert.True(rows.isnan().all().ToBoolean());
        using var tiny = new L2Normalize(epsilon: 1e-60);
        Assert.Equal(0, tiny.call(zeros(1, 2)).abs().max().ToDouble());
    }
}
