using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests of <see cref="ManhattanMatrix"/> (order 1) and <see cref="LpMatrix"/>.</summary>
[LeavesNoTensors]
public class LpMatrixTests
{
    private static readonly int[] widths = [1, 3, 4, 7, 8, 16, 17, 40, 75];

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(6)]
    public void Of_AgreesWithDifferences_InValueAndGradient(int order)
    {
        foreach (var itself in new[] { false, true })
            foreach (var type in order == 1 ? new[] { ScalarType.Float32, ScalarType.Float64 } : [ScalarType.Float32])
                foreach (var width in widths)
                    foreach (var (rows, columns) in new[] { (1, 1), (5, 6), (33, 3), (70, 35), (300, 2) })
                    {
                        using var scope = NewDisposeScope();
                        manual_seed(width);
                        // not contiguous, and with equal numbers
                        var x = (randn(width, rows, type).t() * 2).round().detach().requires_grad_();
                        var y = itself ? x : (randn(columns, width, type) * 2).round().requires_grad_();
                        List<Tensor> inputs = itself ? [x] : [x, y];
                        var (expected, actual) = (Differences(x, y, order), Of(x, y, order));
                        Near(expected, actual, type);
                        var weights = randn_like(expected);
                        var wanted = autograd.grad([(expected * weights).sum()], inputs);
                        foreach (var (a, b) in wanted.Zip(autograd.grad([(actual * weights).sum()], inputs))) Near(a, b, type);
                    }
        Gradient.Release();
    }

    [Theory, InlineData(1), InlineData(3)]
    public void Of_ASetInItself_IsSymmetricToTheBit_AndWhatEachBlockOfItIs(int order)
    {
        using var scope = NewDisposeScope();
        manual_seed(8);
        var x = randn(77, 53);
        var distances = Of(x, x, order);
        Assert.True(distances.allclose(distances.t(), 0, 0));
        Assert.True(distances.narrow(0, 20, 9).narrow(1, 40, 30).allclose(Of(x.narrow(0, 20, 9), x.narrow(0, 40, 30), order), 0, 0));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void OfOrderOne_GradientOfTheGradient_IsThatOfDifferences(bool itself)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        var x = randn(6, 5, ScalarType.Float64, requires_grad: true);
        var y = itself ? x : randn(4, 5, ScalarType.Float64, requires_grad: true);
        Near(Second(Differences(x, y, 1)), Second(Of(x, y, 1)), ScalarType.Float64);
        Gradient.Release();

        Tensor Second(Tensor distances)
        {
            var first = autograd.grad([distances.pow(3).sum()], [x], retain_graph: true, create_graph: true)[0];
            return cat([first, autograd.grad([first.pow(2).sum()], [x])[0]]);
        }
    }

    [Theory, InlineData(1), InlineData(3)]
    public void Of_WhatIsNotANumber_SpoilsItsOwnDistances_AndTheGradientSaysSo(int order)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (randn(9, 11), randn(4, 11, requires_grad: true));
        x[2, 3] = float.NaN;
        var distances = Of(x, y, order);
        var spoiled = zeros(9, 4, ScalarType.Bool);
        spoiled[2] = ones(4, ScalarType.Bool);
        Assert.True((distances.isnan() == spoiled).all().item<bool>());
        distances.sum().backward();
        Assert.True(y.grad!.select(1, 3).isnan().all().item<bool>());
        Gradient.Release();
    }

    [Theory, InlineData(0, 3, 4), InlineData(3, 0, 4), InlineData(2, 3, 0), InlineData(1, 1, 1)]
    public void Of_FewOrNoNumbers_HasItsShape(int rows, int columns, int width)
    {
        foreach (var order in new[] { 1, 3 })
        {
            using var scope = NewDisposeScope();
            var (x, y) = (randn(rows, width, requires_grad: true), randn(columns, width, requires_grad: true));
            var distances = Of(x, y, order);
            Assert.Equal([rows, columns], distances.shape);
            distances.sum().backward();
            Assert.Equal(x.shape, x.grad!.shape);
        }
        Gradient.Release();
    }

    [Theory, InlineData(1), InlineData(3)]
    public void EveryNumberOfThreads_GivesTheSameBits(int order)
    {
        using var scope = NewDisposeScope();
        manual_seed(6);
        var (x, y) = (randn(150, 30, requires_grad: true), randn(301, 30));
        Assert.Equal(Run(1), Run(2));
        Gradient.Release();

        float[] Run(int count)
        {
            using var threads = new TorchThreads(count);
            var distances = Of(x, y, order);
            return [.. distances.data<float>(), .. autograd.grad([distances.sin().sum()], [x])[0].data<float>()];
        }
    }

    private static Tensor Of(Tensor x, Tensor y, int order) => order == 1 ? ManhattanMatrix.Of(x, y) : LpMatrix.Of(x, y, order);

    private static Tensor Differences(Tensor x, Tensor y, int order)
    {
        var differences = x.to(ScalarType.Float64).unsqueeze(1) - y.to(ScalarType.Float64).unsqueeze(0);
        return RowLengths.Of(differences.flatten(0, 1), order).view(x.size(0), y.size(0));
    }

    private static void Near(Tensor expected, Tensor actual, ScalarType type)
    {
        Assert.Equal(expected.shape, actual.shape);
        var tolerance = type == ScalarType.Float32 ? 1e-5 : 1e-13;
        Assert.True(Largest(expected - actual) <= tolerance * (1 + Largest(expected)));

        static double Largest(Tensor numbers) => numbers.abs().max().to(ScalarType.Float64).item<double>();
    }
}
