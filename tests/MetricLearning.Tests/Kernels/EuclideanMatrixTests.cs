using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class EuclideanMatrixTests
{
    [Theory, InlineData(false, false), InlineData(false, true), InlineData(true, false), InlineData(true, true)]
    public void Of_AgreesWithDifferences_InValueAndGradient(bool squared, bool itself)
    {
        var (single, twice) = (ScalarType.Float32, ScalarType.Float64);
        foreach (var (type, width) in new[] { (single, 5), (single, 70), (twice, 5), (twice, 33) })
        {
            using var scope = NewDisposeScope();
            manual_seed(3);
            var x = (randn(width, 21, type).t() + 3).detach().requires_grad_();        // not contiguous
            var y = itself ? x : (randn(13, width, type) + 3).requires_grad_();
            List<Tensor> inputs = itself ? [x] : [x, y];
            var (expected, actual) = (Differences(x, y, squared), EuclideanMatrix.Of(x, y, new(squared)));
            var tolerance = type == ScalarType.Float32 ? 1e-5 : 1e-13;
            Near(expected, actual, tolerance);
            var weights = randn_like(expected);
            var wanted = autograd.grad([(expected * weights).sum()], inputs);
            foreach (var (a, b) in wanted.Zip(autograd.grad([(actual * weights).sum()], inputs))) Near(a, b, 10 * tolerance);
        }
        Gradient.Release();
    }

    /// <summary>Whatever the mean row, and for every way to multiply: few long rows, many rows and all others.</summary>
    [Theory, InlineData(33, 272), InlineData(33, 48), InlineData(660, 512)]
    public void Of_IsExact_WhateverTheMeanRow(int rows, int width)
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        foreach (var offset in (double[])[0, 0.4, 0.7, 50, 1e4])
        {
            var x = randn(rows, width) + offset;
            x[1] = x[rows - 1];
            var wide = x.to(ScalarType.Float64);
            var (centered, squares) = (wide - wide.mean([0]), EuclideanMatrix.Of(x, x, new(Squared: true)));
            var lengths = centered.pow(2).sum(1);
            var expected = cdist(centered, centered, 2, compute_mode.donot_use_mm_for_euclid_dist).pow(2);
            Assert.True(((squares - expected).abs() <= 2e-6 * (lengths.unsqueeze(0) + lengths.unsqueeze(1))).all().item<bool>());
            Assert.Equal(0, (squares.diagonal().abs().sum() + squares[1, rows - 1]).item<float>());
            Assert.True((squares == squares.t()).all().item<bool>());
            Assert.True(squares.sqrt().allclose(EuclideanMatrix.Of(x, x, new(Squared: false)), rtol: 3e-7, atol: 0));
        }
    }

    /// <summary>Distances below the floor are the floor, and have no gradient; all others are as without it.</summary>
    [Theory, InlineData(ScalarType.Float32, 272), InlineData(ScalarType.Float32, 21), InlineData(ScalarType.Float64, 21)]
    public void Of_WithAFloor_IsConstantBelowIt(ScalarType type, int width)
    {
        using var scope = NewDisposeScope();
        manual_seed(8);
        var rows = cat([randn(12, width, type), 1e-8 * randn(11, width, type)]);
        rows[1] = rows[5] + 1e-9;
        var (x, other) = (rows.clone().requires_grad_(), rows.clone().requires_grad_());
        var (clamped, plain) = (EuclideanMatrix.Of(x, x, new(Squared: false, 1e-8)), EuclideanMatrix.Of(other, other, new(Squared: false)));
        var low = plain.detach() <= 1e-4;
        Assert.Equal(11 * 11 + 12 + 2, low.sum().item<long>());
        // libtorch's root is off by one unit in the last place on some processors.
        var floor = type == ScalarType.Float32 ? MathF.Sqrt(1e-8f) : Math.Sqrt(1e-8);
        Assert.True((clamped == maximum(plain, tensor(floor, type))).all().item<bool>());
        var weights = randn_like(clamped).detach();
        (clamped * weights).sum().backward();
        (plain * weights.masked_fill(low, 0)).sum().backward();
        Assert.True((x.grad! == other.grad!).all().item<bool>());
        Gradient.Release();
    }

    [Theory, InlineData(false, false), InlineData(false, true), InlineData(true, false), InlineData(true, true)]
    public void Of_GradientOfTheGradient_IsThatOfDifferences(bool squared, bool itself)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        var x = randn(6, 5, ScalarType.Float64, requires_grad: true);
        var y = itself ? x : randn(4, 5, ScalarType.Float64, requires_grad: true);
        var off = itself ? eye(6, dtype: ScalarType.Bool).logical_not() : ones(6, 4, ScalarType.Bool);
        var differences = (x.unsqueeze(1) - y.unsqueeze(0))[off];       // the norm of 0 has no second derivative
        Near(Second(squared ? differences.pow(2).sum(1) : differences.norm(1)), Second(EuclideanMatrix.Of(x, y, new(squared))[off]), 1e-11);
        Gradient.Release();

        Tensor Second(Tensor distances)
        {
            var first = autograd.grad([distances.pow(3).sum()], [x], retain_graph: true, create_graph: true)[0];
            return cat([first, autograd.grad([first.pow(2).sum()], [x])[0]]);
        }
    }

    /// <summary>For rows that differ by a millionth, all digits of the product cancel.</summary>
    [Theory, InlineData(false, false), InlineData(false, true), InlineData(true, false), InlineData(true, true)]
    public void Of_NearRows_IsExact_InValueAndGradient(bool squared, bool itself)
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        var centers = randn(6, 40);
        var x = cat([centers, centers + 1e-6 * randn(6, 40), centers]).requires_grad_();
        var y = itself ? x : (centers + 1e-6 * randn(6, 40)).requires_grad_();
        var (wide, other) = (Double(x), itself ? null : Double(y));
        var expected = Differences(wide, other ?? wide, squared);
        var actual = EuclideanMatrix.Of(x, y, new(squared));
        Assert.True(((expected - actual).abs() <= 2e-4 * expected).all().item<bool>());
        if (itself) Assert.Equal(0, (actual.diagonal().sum() + actual[0, 12]).item<float>());
        var weights = expected.isfinite().to(ScalarType.Float64) * randn_like(expected);
        (expected * weights).sum().backward();
        (actual * weights.to(ScalarType.Float32)).sum().backward();
        Near(wide.grad!, x.grad!.to(ScalarType.Float64), 2e-4);
        if (other is not null) Near(other.grad!, y.grad!.to(ScalarType.Float64), 2e-4);
        Gradient.Release();

        static Tensor Double(Tensor rows) => rows.detach().to(ScalarType.Float64).requires_grad_();
    }

    [Theory, InlineData(11), InlineData(80)]
    public void Of_RowsThatAreNotFinite_SpoilTheirOwnDistancesOnly(int width)
    {
        using var scope = NewDisposeScope();
        var x = randn(9, width);
        x[2, 3] = float.NaN;
        x[7, 0] = float.PositiveInfinity;
        var spoiled = zeros(9, 9, ScalarType.Bool);
        foreach (var row in new[] { 2, 7 }) spoiled[row] = spoiled[TensorIndex.Colon, row] = ones(9, ScalarType.Bool);
        foreach (var squared in new[] { false, true })
            Assert.True((EuclideanMatrix.Of(x, x, new(squared)).isfinite() == spoiled.logical_not()).all().item<bool>());
    }

    [Theory, InlineData(0, 3, 4), InlineData(3, 0, 4), InlineData(2, 3, 0), InlineData(1, 1, 1)]
    public void Of_FewOrNoNumbers_HasItsShape(int rows, int columns, int width)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (randn(rows, width, requires_grad: true), randn(columns, width, requires_grad: true));
        var distances = EuclideanMatrix.Of(x, y, new(Squared: false));
        Assert.Equal([rows, columns], distances.shape);
        distances.sum().backward();
        Assert.Equal(x.shape, x.grad!.shape);
        Gradient.Release();
    }

    [Fact]
    public void EveryNumberOfThreads_GivesTheSameBits_FromOneProduct()
    {
        using var scope = NewDisposeScope();
        manual_seed(6);
        var x = randn(150, 3).repeat(2, 1).requires_grad_();
        Assert.Equal(Run(1), Run(2));
        Gradient.Release();

        float[] Run(int count)
        {
            using var threads = new TorchThreads(count);
            var distances = EuclideanMatrix.Of(x, x, new(Squared: false));
            return [.. distances.data<float>(), .. autograd.grad([distances.sin().sum()], [x])[0].data<float>()];
        }
    }

    private static Tensor Differences(Tensor x, Tensor y, bool squared)
    {
        var differences = x.unsqueeze(1) - y.unsqueeze(0);
        return squared ? differences.pow(2).sum(2) : differences.norm(2);
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.True(Largest(expected - actual) <= tolerance * (1 + Largest(expected)));

        static double Largest(Tensor numbers) => numbers.abs().max().to(ScalarType.Float64).item<double>();
    }
}
