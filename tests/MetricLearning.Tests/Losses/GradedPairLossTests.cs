using System.Numerics;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the losses of pairs with given similarities against plain loops of their formulas.</summary>
[LeavesNoTensors]
public class GradedPairLossTests
{
    public static TheoryData<string> Names => ["angle", "cosent", "cosent of Euclidean distances", "cosine similarity"];

    public static MatrixTheoryData<string, int, int> Sizes =>
        new(["angle", "cosent", "cosent of Euclidean distances", "cosine similarity"], [1, 2, 7, 40], [1, 5, 6]);

    /// <summary>The similarities have few values, so that many are equal.</summary>
    [Theory, MemberData(nameof(Sizes))]
    public void Value_AndGradients_AreThoseOfTheFormula(string name, int rows, int width)
    {
        using var scope = NewDisposeScope();
        var (x, y, z) = (LossTable.Random(1, rows, width), LossTable.Random(2, rows, width), Grades(rows));
        using var loss = Create(name);
        var expected = Plain(loss, x, y, z);
        Assert.Equal(expected, loss.call(x, y, z).item<double>(), 1e-10 * Math.Max(1, expected));
        var isConstant = (rows == 1 && loss is not CosineSimilarityLoss)                              // one pair has no order
            || (width == 1 && loss is not CoSentLoss { Distance: EuclideanDistance });                // all rows have one direction
        if (isConstant) return;
        GradientCheck.Run(x, input => loss.call(input, y, z));
        GradientCheck.Run(y, input => loss.call(x, input, z));
    }

    [Theory, MemberData(nameof(Names))]
    public void NoPairs_GiveZero_AndOnePairHasNoOrder(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Create(name);
        var x = zeros(0, 4).requires_grad_();
        var value = loss.call(x, zeros(0, 4), zeros(0));
        value.backward();
        Assert.Equal((0f, 0L), (value.item<float>(), x.grad!.size(0)));
        if (loss is not CosineSimilarityLoss)
            Assert.Equal(0, loss.call(LossTable.Random(1, 1, 4), LossTable.Random(2, 1, 4), ones(1)).item<double>());
    }

    [Theory, MemberData(nameof(Names))]
    public void EqualSimilarities_HaveNoOrder(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Create(name);
        if (loss is CosineSimilarityLoss) return;
        var x = LossTable.Random(1, 6, 4).requires_grad_();
        var value = loss.call(x, LossTable.Random(2, 6, 4), full(6, 0.5));
        value.backward();
        Assert.Equal(0, value.item<double>());
        Assert.Equal(0, x.grad!.abs().max().item<double>());
    }

    [Theory, MemberData(nameof(Names))]
    public void Similarities_MayHaveAnyRealType(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Create(name);
        var (x, y) = (LossTable.Random(1, 6, 4), LossTable.Random(2, 6, 4));
        var z = tensor([0L, 1, 1, 0, 1, 0]);
        var expected = loss.call(x, y, z.to(ScalarType.Float64)).item<double>();
        foreach (var type in new[] { ScalarType.Bool, ScalarType.Byte, ScalarType.Int64, ScalarType.Float16, ScalarType.Float32 })
            Assert.Equal(expected, loss.call(x, y, z.to(type)).item<double>());
    }

    [Theory, InlineData("angle"), InlineData("cosent")]
    public void OnlyTheOrderOfTheSimilarities_Counts(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Create(name);
        var (x, y, z) = (LossTable.Random(1, 9, 4), LossTable.Random(2, 9, 4), Grades(9));
        Assert.Equal(loss.call(x, y, z).item<double>(), loss.call(x, y, z.exp() * 1e30).item<double>());
        var (u, v) = (x.to(ScalarType.Float32), y.to(ScalarType.Float32));
        Assert.Equal(loss.call(u, v, z).item<float>(), loss.call(u, v, z.exp() * 1e200).item<float>());     // no number of float32
    }

    /// <summary>The exponents are up to 2·10⁶ here, whose exponential float64 cannot hold.</summary>
    [Theory, InlineData(ScalarType.Float32, 1e-5), InlineData(ScalarType.Float64, 1e-12)]
    public void ALargeScale_OverflowsNothing(ScalarType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        var (x, y, z) = (LossTable.Random(1, 9, 4), LossTable.Random(2, 9, 4), Grades(9));
        foreach (var loss in new GradedPairLoss[] { new CoSentLoss(1e6), new AnglELoss(1e6) })
            using (loss)
            {
                var input = x.to(type).detach().requires_grad_();
                var value = loss.call(input, y.to(type), z);
                value.backward();
                var expected = Plain(loss, x, y, z);
                Assert.Equal(expected, value.to(ScalarType.Float64).item<double>(), tolerance * expected);
                Assert.True(input.grad!.isfinite().all().item<bool>());
            }
    }

    [Theory, MemberData(nameof(Names))]
    public void WhatIsNotFinite_GivesNaN(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Create(name);
        foreach (var what in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity })
            for (var argument = 0; argument < 3; argument++)
            {
                Tensor[] inputs = [LossTable.Random(1, 5, 4), LossTable.Random(2, 5, 4), Grades(5)];
                inputs[argument].view(-1)[3] = what;
                Assert.True(double.IsNaN(loss.call(inputs[0], inputs[1], inputs[2]).item<double>()), $"{what} in argument {argument}");
            }
    }

    [Theory, MemberData(nameof(Names))]
    public void BadInput_IsRefused(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Create(name);
        var (x, y) = (zeros(6, 4), zeros(6, 4));
        string Message(Tensor first, Tensor second, Tensor similarities) =>
            Assert.Throws<ArgumentException>(() => loss.call(first, second, similarities)).Message;
        Assert.StartsWith("first and second must have the same number of rows, got [6, 4] and [5, 4].", Message(x, zeros(5, 4), zeros(6)));
        Assert.StartsWith("first and second must have the same width D, got [6, 4] and [6, 3].", Message(x, zeros(6, 3), zeros(6)));
        Assert.StartsWith("similarities must be [6], one number for each pair, got [6, 1].", Message(x, y, zeros(6, 1)));
        Assert.StartsWith("similarities must be [6], one number for each pair, got [5].", Message(x, y, zeros(5)));
        Assert.StartsWith("similarities must be real numbers, got ComplexFloat32.", Message(x, y, zeros(6, ScalarType.ComplexFloat32)));
        Assert.Equal("similarities", Assert.Throws<ArgumentNullException>(() => loss.call(x, y, null!)).ParamName);
    }

    [Theory, InlineData(0), InlineData(-1), InlineData(double.NaN), InlineData(double.PositiveInfinity)]
    public void ABadScale_IsRefused(double scale)
    {
        Assert.Equal("scale", Assert.Throws<ArgumentOutOfRangeException>(() => new CoSentLoss(scale)).ParamName);
        Assert.Equal("scale", Assert.Throws<ArgumentOutOfRangeException>(() => new AnglELoss(scale)).ParamName);
    }

    private static GradedPairLoss Create(string name) => (GradedPairLoss)ModuleTable.Create(name);

    private static Tensor Grades(int rows) => tensor([.. Enumerable.Range(0, rows).Select(i => i * 7 % 5 / 4.0)]);

    private static double Plain(GradedPairLoss loss, Tensor first, Tensor second, Tensor similarities)
    {
        var (count, z) = ((int)first.size(0), similarities.data<double>().ToArray());
        double[] Row(Tensor of, int i) => of[i].contiguous().data<double>().ToArray();
        var pairs = Enumerable.Range(0, count).Select(i => (X: Row(first, i), Y: Row(second, i))).ToArray();
        if (loss is CosineSimilarityLoss) return pairs.Select((pair, i) => Math.Pow(Cosine(pair.X, pair.Y) - z[i], 2)).Average();
        var (scale, near) = loss switch
        {
            AnglELoss angle => (angle.Scale, pairs.Select(pair => Angle(pair.X, pair.Y)).ToArray()),
            CoSentLoss { Distance: CosineDistance } cosent => (cosent.Scale, pairs.Select(pair => Cosine(pair.X, pair.Y)).ToArray()),
            CoSentLoss cosent => (cosent.Scale, pairs.Select(pair => -Length(Minus(pair.X, pair.Y))).ToArray()),
            _ => throw new NotSupportedException(loss.GetName()),
        };
        var exponents = new List<double> { 0 };
        for (var i = 0; i < count; i++)
            for (var j = 0; j < count; j++)
                if (z[i] > z[j]) exponents.Add(scale * (near[j] - near[i]));
        var most = exponents.Max();
        return most + Math.Log(exponents.Sum(exponent => Math.Exp(exponent - most)));
    }

    private static double[] Minus(double[] x, double[] y) => [.. x.Zip(y, (a, b) => a - b)];

    private static double Dot(double[] x, double[] y) => x.Zip(y, (a, b) => a * b).Sum();

    private static double Length(double[] x) => Math.Sqrt(Dot(x, x));

    private static double Cosine(double[] x, double[] y) => Dot(x, y) / Math.Sqrt(Dot(x, x) * Dot(y, y));

    /// <summary>The similarity as published: quotients of complex numbers, divided by the quotient of the lengths.</summary>
    private static double Angle(double[] x, double[] y)
    {
        Complex[] Numbers(double[] row)
        {
            double[] even = row.Length % 2 > 0 ? [.. row, 0] : row;
            var half = even.Length / 2;
            return [.. Enumerable.Range(0, half).Select(k => new Complex(even[k], even[k + half]))];
        }
        var (u, v) = (Numbers(x), Numbers(y));
        var (xLength, yLength) = (Length(x), Length(y));
        var quotients = u.Zip(v, (a, b) => a * Complex.Conjugate(b) / (yLength * yLength) / (xLength / yLength));
        return Math.Abs(quotients.Sum(quotient => quotient.Real + quotient.Imaginary));
    }
}
