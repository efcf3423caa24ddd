using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class UnitColumnsTests
{
    [Theory, InlineData(1), InlineData(4), InlineData(5), InlineData(8), InlineData(13), InlineData(37)]
    public void Of_AgreesWithPlainTensors_ToTheSecondGradient(int width) => UnitRowsTests.AgreeToTheSecondGradient(width, x =>
    {
        var deviations = x - x.mean([0L], keepdim: true);
        return deviations / deviations.norm(0, keepdim: true);
    }, UnitColumns.Of, 2e-5);

    [Fact]
    public void Of_EqualEntries_AreZero_AndPassTheirGradientWithoutItsMean()
    {
        using var scope = NewDisposeScope();
        var x = (0.1f * ones(3, 11)).requires_grad_();
        var unit = UnitColumns.Of(x);
        Assert.Equal(0, unit.abs().max().item<float>());
        (unit * arange(33).view(3, 11)).sum().backward();
        Assert.Equal([-11f, 0, 11], x.grad!.select(1, 10).data<float>().ToArray());
        Gradient.Release();
    }

    [Fact]
    public void Of_LargeOffsets_KeepsTheDigitsOfTheDeviations()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        var x = (1e6 + randn(50, 9)).to(ScalarType.Float32);
        var exact = x.to(ScalarType.Float64);
        var deviations = exact - exact.mean([0L], keepdim: true);
        Assert.Equal(0, (UnitColumns.Of(x) - deviations / deviations.norm(0, keepdim: true)).abs().max().item<double>(), 1e-7);
    }

    [Fact]
    public void Of_NaN_SpoilsItsOwnColumn()
    {
        using var scope = NewDisposeScope();
        var x = randn(4, 9);
        x[1, 8] = float.NaN;
        var spoiled = UnitColumns.Of(x).isnan();
        Assert.Equal([8L], spoiled.any(0).nonzero().reshape(-1).data<long>().ToArray());
        Assert.True(spoiled.select(1, 8).all().item<bool>());
    }

    [Fact]
    public void EveryNumberOfThreads_GivesTheSameBits()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var x = randn(300, 1001);
        Assert.Equal(Run(1), Run(2));

        float[] Run(int count)
        {
            using var threads = new TorchThreads(count);
            var leaf = x.clone().requires_grad_();
            UnitColumns.Of(leaf).sin().sum().backward();
            Gradient.Release();
            return [.. leaf.grad!.data<float>()];
        }
    }
}
