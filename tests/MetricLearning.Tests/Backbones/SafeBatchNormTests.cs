using MetricLearning.Testing;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class SafeBatchNormTests
{
    public static TheoryData<long[]> Shapes => [(long[])[6, 5], (long[])[6, 5, 4], (long[])[6, 5, 4, 3]];

    /// <summary>Compares values, gradients and statistics, to the bit, over four training steps and one evaluation step.</summary>
    [Theory, MemberData(nameof(Shapes))]
    public void ItIsTorchSharpsBatchNorm(long[] shape)
    {
        using var scope = NewDisposeScope();
        using nn.Module<Tensor, Tensor> theirs = shape.Length == 4 ? nn.BatchNorm2d(5, 1e-4, 0.3) : nn.BatchNorm1d(5, 1e-4, 0.3);
        using var ours = new SafeBatchNorm(5, 1e-4, 0.3);
        random.manual_seed(3);
        using (no_grad()) foreach (var parameter in theirs.parameters()) parameter.copy_(randn(5));
        ours.load_state_dict(theirs.state_dict());
        for (var step = 0; step < 5; step++)
        {
            ours.train(step < 4);
            theirs.train(step < 4);
            var (x, weights) = (randn(shape), randn(shape));
            var (a, b) = (x.clone().requires_grad_(), x.clone().requires_grad_());
            var (y, expected) = (ours.call(a), theirs.call(b));
            (y * weights).sum().backward();
            (expected * weights).sum().backward();
            Same(expected, y);
            Same(b.grad!, a.grad!);
            foreach (var (mine, other) in ours.parameters().Zip(theirs.parameters())) Same(other.grad!, mine.grad!);
            Assert.Equal(theirs.state_dict().Keys, ours.state_dict().Keys);
            foreach (var (name, value) in theirs.state_dict()) Same(value, ours.state_dict()[name]);
        }
        Assert.Equal(4, ours.num_batches_tracked!.item<long>());
        Assert.Equal(["bias", "num_batches_tracked", "running_mean", "running_var", "weight"],
            ours.state_dict().Keys.Order(StringComparer.Ordinal));
    }

    /// <summary>A frozen layer in a network that trains keeps its statistics, and a copy in another precision works.</summary>
    [Fact]
    public void EvaluationChangesNothing_AndOtherPrecisionsWork()
    {
        using var scope = NewDisposeScope();
        using var norm = new SafeBatchNorm(3);
        norm.call(randn(8, 3));
        norm.eval();
        var before = norm.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.clone());
        norm.call(randn(8, 3, 2, 2));
        foreach (var (name, value) in norm.state_dict()) Same(before[name], value);
        norm.to(float64).train();
        Assert.Equal(float64, norm.call(randn(8, 3, dtype: float64)).dtype);
        Assert.Equal(2, norm.num_batches_tracked!.item<long>());
    }

    [Fact]
    public void AnInputOfAnotherShape_IsRefused_AndChangesNothing()
    {
        using var scope = NewDisposeScope();
        using var norm = new SafeBatchNorm(3);
        Assert.Contains("[N, 3, ...]", Assert.Throws<ArgumentException>(() => norm.call(randn(4, 5))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => norm.call(randn(3)));
        Assert.Equal(0, norm.num_batches_tracked!.item<long>());
    }

    /// <summary>TorchSharp's own layers count batches with a scalar that may be freed while libtorch reads it. This test fails once
    /// TorchSharp has fixed this.</summary>
    [Fact]
    public void TorchSharpsBatchNormIsUnsafe_AndThisOneIsNot()
    {
        Assert.Contains(LooseScalars.In([typeof(BatchNorm)]), line => line.Contains(".forward calls", StringComparison.Ordinal));
        Assert.Empty(LooseScalars.In([typeof(SafeBatchNorm)]));
    }

    [Fact]
    public void BackbonesAndHeads_HaveNoOtherBatchNorm()
    {
        Func<nn.Module>[] makers =
        [
            () => ResNet.ResNet18(ibn: InstanceBatchNorm.A), () => ResNet.ResNet50(nonLocal: true), () => OSNet.X025(OSNetVariant.Ibn),
            () => new MobileNetV2(), () => new ConvNet4(), () => new BNNeck(4), () => new FullyConnectedNeck(4, 4),
            () => new Pcb(ResNet.ResNet18(), parts: 2, reducedDimension: 8), () => new Mgn(ResNet.ResNet18(lastStride: 1)),
        ];
        foreach (var make in makers)
        {
            using var scope = NewDisposeScope();
            using var network = make();
            var norms = network.modules().OfType<BatchNorm>().ToList();
            Assert.NotEmpty(norms);
            Assert.All(norms, norm => Assert.IsType<SafeBatchNorm>(norm));
        }
    }

    private static void Same(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.dtype, actual.dtype);
        Assert.True(expected.equal(actual).all().item<bool>(), $"{expected} is not {actual}");
    }

    /// <summary>One value has no unbiased variance: the running variance of the whole network would become NaN without a word.</summary>
    [Theory, InlineData((long[])[1, 3]), InlineData((long[])[1, 3, 1, 1])]
    public void OneValueForEachChannel_IsRefusedInTraining_AndChangesNothing(long[] shape)
    {
        using var scope = NewDisposeScope();
        using var norm = new SafeBatchNorm(3);
        norm.call(randn(4, 3));
        var before = norm.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.clone());
        var e = Assert.Throws<ArgumentException>(() => norm.call(ones(shape)));
        Assert.StartsWith($"input must have at least two values for each channel in training, got [{string.Join(", ", shape)}]", e.Message);
        foreach (var (name, value) in norm.state_dict()) Same(before[name], value);
        norm.eval();
        Assert.Equal(shape, norm.call(ones(shape)).shape);
    }

    /// <summary>The layer counts a batch only if it normalized it.</summary>
    [Fact]
    public void AnInputOfAnotherType_IsNotCounted()
    {
        using var scope = NewDisposeScope();
        using var norm = new SafeBatchNorm(3);
        Assert.ThrowsAny<Exception>(() => norm.call(ones(4, 3, ScalarType.Int64)));
        Assert.Equal(0, norm.num_batches_tracked!.item<long>());
    }
}
