using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class ReducerTests
{
    private static readonly Dictionary<string, (Reducer Reducer, double Expected)> all = new()
    {
        // values 0, 1, 2, 0.5, 0 of rows 0, 0, 2, 2, 3 in a batch of 4 rows with labels 0, 1, 1, 0
        ["mean"] = (Reducer.Mean, 3.5 / 5),
        ["sum"] = (Reducer.Sum, 3.5),
        ["non-zero mean"] = (Reducer.NonZeroMean, 3.5 / 3),
        ["threshold"] = (Reducer.Threshold(0.4, 2), 1.5 / 2),
        ["per anchor"] = (Reducer.PerAnchor, (0.5 + 0 + 1.25 + 0) / 4),
        ["each anchor, non-zero"] = (Reducer.EachAnchor(Reducer.NonZeroMean), (0.5 + 1.25) / 2),
        ["divisor"] = (Reducer.Divisor, 3.5 / 7),
        ["class weighted"] = (Reducer.ClassWeighted(1, 10), (1 + 25.0) / 5),
    };

    public static TheoryData<string> Names => [.. all.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Reduces(string name)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(all[name].Expected, Reduce(all[name].Reducer, [0, 1, 2, 0.5, 0], [0, 0, 2, 2, 3]).Value, 12);
    }

    [Theory, MemberData(nameof(Names))]
    public void Nothing_IsZeroWithAGradient(string name)
    {
        using var scope = NewDisposeScope();
        var (value, gradient) = Reduce(all[name].Reducer, [], []);
        Assert.Equal(0, value);
        Assert.Empty(gradient);
        (value, gradient) = Reduce(all[name].Reducer, [0, 0], [0, 1]);
        Assert.Equal(0, value);
        Assert.All(gradient, g => Assert.True(double.IsFinite(g)));
    }

    [Theory, MemberData(nameof(Names))]
    public void NaN_IsNeverLeftOut(string name)
    {
        using var scope = NewDisposeScope();
        Assert.True(double.IsNaN(Reduce(all[name].Reducer, [0, 1, double.NaN], [0, 1, 2]).Value));
    }

    [Fact]
    public void Divisor_OfZero_IsZero()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(0, Reduce(Reducer.Divisor, [1, 2], [0, 1], divisor: 0).Value);
    }

    [Theory, MemberData(nameof(Names))]
    public void AScalar_IsReducedAlready(string name)
    {
        using var scope = NewDisposeScope();
        using var batch = Batch();
        Assert.Equal(3, all[name].Reducer.Reduce(new(tensor(3.0)), batch).item<double>());
    }

    [Fact]
    public void WhatALossDoesNotHave_IsNamed()
    {
        using var scope = NewDisposeScope();
        using var batch = Batch();
        Assert.StartsWith("Reducer.Divisor needs a loss that defines a divisor: MarginLoss or ProxyAnchorLoss.",
            Assert.Throws<InvalidOperationException>(() => Reducer.Divisor.Reduce(new(ones(2)), batch)).Message);
        Assert.StartsWith("The values of this loss do not belong to rows",
            Assert.Throws<InvalidOperationException>(() => Reducer.PerAnchor.Reduce(new(ones(2)), batch)).Message);
    }

    private static LossBatch Batch() => new(zeros([4, 2], ScalarType.Float64), tensor([0L, 1, 1, 0]));

    private static (double Value, double[] Gradient) Reduce(Reducer reducer, double[] values, long[] anchors, double divisor = 7)
    {
        using var batch = Batch();
        var leaf = tensor(values, requires_grad: true);
        var value = reducer.Reduce(new(leaf, tensor(anchors)) { Divisor = tensor(divisor) }, batch);
        value.backward();
        return (value.item<double>(), leaf.grad!.data<double>().ToArray());
    }
}
