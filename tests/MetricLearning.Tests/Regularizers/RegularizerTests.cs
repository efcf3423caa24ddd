using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class RegularizerTests
{
    private const int Rows = 6, Width = 4, Centers = 3;

    public static TheoryData<string> Names => [.. All.Keys];

    private static readonly Dictionary<string, (Regularizer Regularizer, Func<double[][], double> Naive)> All = new()
    {
        ["center invariant"] = (Regularizer.CenterInvariant, w =>
        {
            var mean = w.Average(Square);
            return w.Average(row => Math.Pow(Square(row) - mean, 2) / 4);
        }),
        ["l1"] = (Regularizer.Lp(1), w => w.Average(row => row.Sum(Math.Abs))),
        ["l2"] = (Regularizer.Lp(), w => w.Average(row => Math.Sqrt(Square(row)))),
        ["regular face"] = (Regularizer.RegularFace, w =>
            Enumerable.Range(0, Rows).Average(i => Enumerable.Range(0, Rows).Where(j => j != i).Max(j => Cosine(w[i], w[j])))),
        ["sparse centers"] = (Regularizer.SparseCenters(Centers), w =>
        {
            var (sum, pairs) = (0.0, 0);
            for (var i = 0; i < Rows; i++)
                for (var j = i + 1; j < Rows; j++)
                    if (i / Centers == j / Centers) (sum, pairs) = (sum + Math.Sqrt(2 - 2 * Cosine(w[i], w[j])), pairs + 1);
            return sum / (2 * pairs);
        }),
        ["zero mean"] = (Regularizer.ZeroMean, w => w.Average(row => Math.Abs(row.Sum()))),
    };

    [Theory, MemberData(nameof(Names))]
    public void MatchesNaiveLoops_AndItsGradient(string name)
    {
        using var scope = NewDisposeScope();
        var w = LossTable.Random(4, Rows, Width);
        var (regularizer, naive) = All[name];
        double[][] rows = [.. Enumerable.Range(0, Rows).Select(i => w[i].data<double>().ToArray())];
        Assert.Equal(naive(rows), regularizer.Penalty(w).item<double>(), 10);
        GradientCheck.Run(w, regularizer.Penalty);
    }

    [Theory, MemberData(nameof(Names))]
    public void DegenerateVectors(string name)
    {
        using var scope = NewDisposeScope();
        var regularizer = All[name].Regularizer;
        foreach (var rows in new[] { zeros(Rows, Width), ones(Rows, Width), ones(Centers, Width), randn(Rows, Width) * 1e-20 })
        {
            var w = rows.requires_grad_();
            var value = regularizer.Penalty(w);
            value.backward();
            Assert.True(value.isfinite().item<bool>() && w.grad!.isfinite().all().item<bool>());
        }
        var broken = ones(Rows, Width);
        broken[1, 2] = float.NaN;
        Assert.True(regularizer.Penalty(broken).isnan().item<bool>());
        Assert.Equal(ScalarType.Float32, regularizer.Penalty(ones(Rows, Width).to(ScalarType.Float16)).dtype);
        Assert.StartsWith("vectors must be [R, D] with R at least 1, got [0, 4].",
            Assert.Throws<ArgumentException>(() => regularizer.Penalty(zeros(0, Width))).Message);
    }

    /// <summary>A length does not become 0, or infinite, if the square of a number does.</summary>
    [Theory, InlineData(1.0), InlineData(2.0), InlineData(3.0), InlineData(8.0)]
    public void Lp_IsALength_AtEverySize(double p)
    {
        using var scope = NewDisposeScope();
        var w = LossTable.Random(4, Rows, Width).to(ScalarType.Float32);
        var expected = Regularizer.Lp(p).Penalty(w.to(ScalarType.Float64)).item<double>();
        foreach (var exponent in new[] { -120, -80, -30, 30, 80, 120 })
        {
            var sized = (w * Math.ScaleB(1, exponent)).requires_grad_();
            var value = Regularizer.Lp(p).Penalty(sized);
            value.backward();
            Assert.Equal(expected, Math.ScaleB(value.item<float>(), -exponent), 1e-5 * expected);
            Assert.True(sized.grad!.norm(1).min().item<float>() > 0.5f / Rows);
        }
    }

    [Fact]
    public void OneVector_HasNoOther()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(0, Regularizer.RegularFace.Penalty(ones(1, 3)).item<float>());
        Assert.True(Regularizer.RegularFace.Penalty(full([1, 3], float.NaN)).isnan().item<bool>());
    }

    [Fact]
    public void WhatDoesNotFit_IsNamed()
    {
        using var scope = NewDisposeScope();
        Assert.StartsWith("vectors must be 3 for each class, got [7, 2].",
            Assert.Throws<ArgumentException>(() => Regularizer.SparseCenters(3).Penalty(zeros(7, 2))).Message);
        Assert.StartsWith("centersPerClass must be at least 2.",
            Assert.Throws<ArgumentOutOfRangeException>(() => Regularizer.SparseCenters(1)).Message);
    }

    private static double Square(double[] row) => row.Sum(v => v * v);

    private static double Cosine(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum() / Math.Sqrt(Square(a) * Square(b));
}
