using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class DistanceNumericsTests
{
    public static TheoryData<string> Names => [.. DistanceTable.Names];

    [Theory, MemberData(nameof(Names))]
    public void MatchesTheFormula_ForFewRowsAndForMany(string name)
    {
        using var scope = NewDisposeScope();
        var (distance, naive) = (DistanceTable.Of(name), DistanceTable.Formula(name));
        foreach (var (n, m) in new[] { (3, 4), (30, 41) })
        {
            var (x, y) = (LossTable.Random(1, n, 5), LossTable.Random(2, m, 5));
            var matrix = distance.Matrix(x, y);
            var (a, b) = (Of(x), Of(y));
            for (var i = 0; i < n; i++)
                for (var j = 0; j < m; j++)
                    Assert.Equal(naive(a[i], b[j]), matrix[i, j].item<double>(), 10);
            Assert.True(distance.Pairwise(x, y.narrow(0, 0, n)).allclose(matrix.diagonal(), 1e-10, 1e-10));
        }
        Assert.Equal(name, distance.ToString());
    }

    [Theory, MemberData(nameof(Names))]
    public void Gradients_AreThoseOfCentralDifferences(string name)
    {
        using var scope = NewDisposeScope();
        var distance = DistanceTable.Of(name);
        var (x, y, weights) = (LossTable.Random(1, 4, 3), LossTable.Random(2, 5, 3), LossTable.Random(3, 4, 5));
        GradientCheck.Run(x, input => (distance.Matrix(input, y) * weights).sum());
        GradientCheck.Run(y, input => (distance.Matrix(x, input) * weights).sum());
        GradientCheck.Run(x, input => (distance.Pairwise(input, y.narrow(0, 0, 4)) * weights.select(1, 0)).sum());
    }

    [Theory, MemberData(nameof(Names))]
    public void EqualAndZeroRows_HaveFiniteGradients(string name)
    {
        using var scope = NewDisposeScope();
        var distance = DistanceTable.Of(name);
        foreach (var rows in new[] { ones(30, 4), zeros(30, 4), 1e-30 * ones(30, 4) })
        {
            var x = rows.clone().requires_grad_();
            (distance.Matrix(x, x).sum() + distance.Pairwise(x, x).sum()).backward();
            Assert.True(x.grad!.isfinite().all().item<bool>());
            Assert.True(x.grad!.abs().max().item<float>() < 1e3);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void NoRows(string name)
    {
        using var scope = NewDisposeScope();
        var distance = DistanceTable.Of(name);
        foreach (var (n, m) in new[] { (0, 3), (3, 0), (0, 0) })
        {
            var (x, y) = (ones([n, 2], requires_grad: true), ones([m, 2], requires_grad: true));
            var matrix = distance.Matrix(x, y);
            matrix.sum().backward();
            Assert.Equal([n, m], matrix.shape);
            Assert.True(x.grad!.isfinite().all().item<bool>() && y.grad!.isfinite().all().item<bool>());
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void ARowThatIsNotFinite_SpoilsItsOwnDistancesOnly(string name)
    {
        using var scope = NewDisposeScope();
        var x = LossTable.Random(1, 30, 4);
        x[7, 1] = double.NaN;
        var matrix = DistanceTable.Of(name).Matrix(x, x);
        Assert.Equal(59, matrix.isnan().sum().item<long>());
        Assert.True(matrix[7].isnan().all().item<bool>() && matrix.select(1, 7).isnan().all().item<bool>());
    }

    /// <summary>A square or another power of a number may overflow or become 0 in float32 although the distance itself does not. Then the
    /// distance is still that of the formula. Only a distance that is too large may be infinite.</summary>
    [Theory, MemberData(nameof(Names))]
    public void RowsOfAnySize_HaveTheDistanceOfTheFormula(string name)
    {
        using var scope = NewDisposeScope();
        var (distance, naive) = (DistanceTable.Of(name), DistanceTable.Formula(name));
        foreach (var exponent in new[] { -100, -80, -60, -40, -20, 20, 40, 60, 80, 100 })
            foreach (var n in new[] { 3, 30 })
            {
                var (x, y) = (Sized(1, n, exponent), Sized(2, n, exponent));
                var (a, b) = (Of(x.to(ScalarType.Float64)), Of(y.to(ScalarType.Float64)));
                var (matrix, pairs) = (distance.Matrix(x, y), distance.Pairwise(x, y));
                for (var i = 0; i < n; i++)
                {
                    for (var j = 0; j < n; j++) Near(naive(a[i], b[j]), matrix[i, j].item<float>(), a[i], b[j]);
                    Near(naive(a[i], b[i]), pairs[i].item<float>(), a[i], b[i]);
                }
            }

        void Near(double expected, float found, double[] a, double[] b)
        {
            if (Math.Abs(expected) > float.MaxValue / 64) return;       // the sum before it may overflow
            var size = distance == Distance.Dot ? a.Zip(b, (x, y) => Math.Abs(x * y)).Sum() : Math.Abs(expected);
            Assert.Equal(expected, found, 1e-5 * size + 1e-37 + (name.Contains("Cosine", StringComparison.Ordinal) ? 1e-6 : 0));
        }

        static Tensor Sized(int seed, int rows, int exponent) =>
            (LossTable.Random(seed, rows, 5) * Math.ScaleB(1, exponent)).to(ScalarType.Float32);
    }

    /// <summary>A high power of a small difference is 0 in float32. Its gradient would be NaN.</summary>
    [Fact]
    public void Lp_OfNearRows_IsAccurate_AndHasAGradient()
    {
        using var scope = NewDisposeScope();
        foreach (var p in new[] { 0.5, 2, 3, 8, 20, double.PositiveInfinity })
        {
            var x = LossTable.Random(1, 4, 5).to(ScalarType.Float32).requires_grad_();
            var y = x.detach() + 1e-4;
            var gaps = Of((x.detach().to(ScalarType.Float64) - y.to(ScalarType.Float64)).abs());
            foreach (var distances in new[] { Distance.Lp(p).Pairwise(x, y), Distance.Lp(p).Matrix(x, y).diagonal() })
            {
                for (var i = 0; i < 4; i++)
                {
                    var largest = gaps[i].Max();
                    var expected = double.IsInfinity(p) ? largest
                        : largest * Math.Pow(gaps[i].Sum(gap => Math.Pow(gap / largest, p)), 1 / p);
                    Assert.Equal(expected, distances[i].item<float>(), 1e-5 * expected);
                }
                x.grad?.zero_();
                distances.sum().backward();
                Assert.True(x.grad!.isfinite().all().item<bool>() && x.grad!.abs().sum(1).min().item<float>() > 0.5);
            }
        }
    }

    /// <summary>Far from the origin, ‖x‖² + ‖y‖² − 2x·y alone keeps no digit of a distance.</summary>
    [Fact]
    public void Euclidean_IsAccurateFarFromTheOrigin()
    {
        using var scope = NewDisposeScope();
        var x = (LossTable.Random(1, 64, 128) * 0.01 + 10).to(ScalarType.Float32);
        var exact = cdist(x.to(ScalarType.Float64), x.to(ScalarType.Float64), 2, TorchSharp.compute_mode.donot_use_mm_for_euclid_dist);
        foreach (var distance in new[] { Distance.Euclidean, Distance.EuclideanClamped })
            Assert.True(((distance.Matrix(x, x) - exact) * (1 - eye(64))).abs().max().item<double>() < 1e-5);
    }

    [Fact]
    public void HalfPrecision_IsMeasuredInFloat32()
    {
        using var scope = NewDisposeScope();
        var x = LossTable.Random(1, 30, 4).to(ScalarType.BFloat16);
        var matrix = Distance.Euclidean.Matrix(x, x);
        Assert.Equal(ScalarType.Float32, matrix.dtype);
        Assert.Equal(ScalarType.Float32, Distance.Cosine.Pairwise(x, x).dtype);
        Assert.True(matrix.allclose(Distance.Euclidean.Matrix(x.to(ScalarType.Float32), x.to(ScalarType.Float32))));
    }

    [Fact]
    public void EqualDistances_AreEqual()
    {
        Assert.Equal(Distance.Euclidean.Normalized(), Distance.Euclidean.Normalized());
        Assert.NotEqual(Distance.Euclidean.Normalized(), Distance.Euclidean.Normalized(1));
        Assert.NotEqual(Distance.Euclidean.Normalized(), Distance.EuclideanSquared.Normalized());
        Assert.Equal(Distance.Lp(3).GetHashCode(), Distance.Lp(3).GetHashCode());
        Assert.Throws<ArgumentOutOfRangeException>(() => Distance.Lp(0));
    }

    [Fact]
    public void WhatDoesNotFit_IsNamed()
    {
        using var scope = NewDisposeScope();
        var x = zeros(3, 4);
        string Message(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;
        Assert.StartsWith("x and y must have the same width D, got [3, 4] and [3, 5].", Message(() => Distance.Dot.Matrix(x, zeros(3, 5))));
        Assert.StartsWith("x and y must have the same number of rows, got [3, 4] and [2, 4].",
            Message(() => Distance.Dot.Pairwise(x, zeros(2, 4))));
        Assert.StartsWith("x and y must have the same type, got Float32 and Float64. "
            + "Convert the tensor of one of them: .to(ScalarType.Float32).",
            Message(() => Distance.Dot.Matrix(x, zeros([3, 4], ScalarType.Float64))));
    }

    private static double[][] Of(Tensor x) => [.. Enumerable.Range(0, (int)x.size(0)).Select(i => x[i].data<double>().ToArray())];
}
