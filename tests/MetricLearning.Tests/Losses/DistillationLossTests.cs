using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the distillation losses against plain loops of their formulas.</summary>
[LeavesNoTensors]
public class DistillationLossTests
{
    private const int Rows = 5;

    private static (Tensor Student, Tensor Teacher) Views(int teacherWidth) =>
        (LossTable.Random(1, Rows, 3), LossTable.Random(2, Rows, teacherWidth).requires_grad_());

    [Fact]
    public void Embedding_IsItsFormula_AndTheTeacherGetsNoGradient()
    {
        using var scope = NewDisposeScope();
        var (s, t) = Views(3);
        var (x, y) = (Array(s), Array(t));
        using var cosine = new EmbeddingDistillationLoss();
        using var squared = new EmbeddingDistillationLoss(DistillationForm.SquaredError);
        Assert.Equal(x.Zip(y).Average(pair => 1 - Cosine(pair.First, pair.Second)), cosine.call(s, t).item<double>(), 12);
        Assert.Equal(x.Zip(y).Average(pair => pair.First.Zip(pair.Second).Average(p => Math.Pow(p.First - p.Second, 2))),
            squared.call(s, t).item<double>(), 12);
        foreach (var loss in new[] { cosine, squared }) GradientCheck.Run(s, input => loss.call(input, t));
        Assert.Null(t.grad);
        Assert.Equal(0, cosine.call(s, s).item<double>(), 12);
        Assert.Throws<ArgumentException>(() => cosine.call(s, LossTable.Random(3, Rows, 4)));
    }

    [Theory, InlineData(1.0, 0.0), InlineData(0.0, 1.0), InlineData(1.0, 2.0)]
    public void Relations_AreTheirFormulas_AtAnyTwoWidths(double distances, double angles)
    {
        using var scope = NewDisposeScope();
        var (s, t) = Views(4);
        using var loss = new RelationDistillationLoss(distances, angles);
        var expected = 0.0;
        var (ds, dt, x, y) = (Relative(Array(s)), Relative(Array(t)), Array(s), Array(t));
        for (var i = 0; i < Rows; i++)
            for (var j = 0; j < Rows; j++)
            {
                expected += distances * Huber(ds[i, j] - dt[i, j]) / (Rows * Rows);
                for (var k = 0; k < Rows; k++) expected += angles * Huber(Angle(x, i, j, k) - Angle(y, i, j, k)) / Math.Pow(Rows, 3);
            }
        Assert.Equal(expected, loss.call(s, t).item<double>(), 10);
        GradientCheck.Run(s, input => loss.call(input, t));
        Assert.Null(t.grad);
        Assert.Equal(0, loss.call(s, s * 3).item<double>(), 10);      // the scale of a teacher does not count
    }

    [Fact]
    public void Rankings_AreTheirFormula_AndRowsAreNotTheirOwnNeighbors()
    {
        using var scope = NewDisposeScope();
        var (s, t) = Views(4);
        using var loss = new RankingDistillationLoss(temperature: 0.3, teacherTemperature: 0.2);
        var expected = 0.0;
        for (var i = 0; i < Rows; i++)
        {
            var (own, theirs) = (Softmax(Array(s), i, 0.3), Softmax(Array(t), i, 0.2));
            expected += own.Zip(theirs, (q, p) => p * Math.Log(p / q)).Sum() / Rows;
        }
        Assert.Equal(expected, loss.call(s, t).item<double>(), 10);
        GradientCheck.Run(s, input => loss.call(input, t));
        Assert.Null(t.grad);
        using var same = new RankingDistillationLoss();
        Assert.Equal(0, same.call(s, s * 2).item<double>(), 12);
    }

    [Fact]
    public void OneRow_AndEqualRows_HaveFiniteGradients_AndANaNIsSeen()
    {
        using var scope = NewDisposeScope();
        ViewLoss[] losses = [new RelationDistillationLoss(), new RankingDistillationLoss()];
        foreach (var loss in losses)
            using (loss)
            {
                foreach (var rows in new[] { 0, 1, 4 })
                {
                    var student = ones([rows, 3], ScalarType.Float64).requires_grad_();
                    var value = loss.call(student, LossTable.Random(1, rows, 2));
                    value.backward();
                    Assert.True(double.IsFinite(value.item<double>()));
                    Assert.True(student.grad!.isfinite().all().item<bool>());
                    if (rows < 2) Assert.Equal(0, value.item<double>());
                }
                var spoilt = LossTable.Random(1, 4, 3);
                spoilt[2, 1] = double.NaN;
                Assert.True(double.IsNaN(loss.call(LossTable.Random(2, 4, 3), spoilt).item<double>()));
                Assert.Throws<ArgumentException>(() => loss.call(LossTable.Random(2, 4, 3), LossTable.Random(2, 3, 3)));
            }
    }

    private static double[][] Array(Tensor x) =>
        [.. Enumerable.Range(0, (int)x.size(0)).Select(i => x[i].detach().data<double>().ToArray())];

    private static double Dot(double[] x, double[] y) => x.Zip(y, (a, b) => a * b).Sum();

    private static double Cosine(double[] x, double[] y) => Dot(x, y) / Math.Sqrt(Dot(x, x) * Dot(y, y));

    private static double[] Minus(double[] x, double[] y) => [.. x.Zip(y, (a, b) => a - b)];

    private static double Length(double[] x) => Math.Sqrt(Dot(x, x));

    private static double[,] Relative(double[][] x)
    {
        var distances = new double[Rows, Rows];
        for (var i = 0; i < Rows; i++)
            for (var j = 0; j < Rows; j++) distances[i, j] = Length(Minus(x[i], x[j]));
        var mean = distances.Cast<double>().Where(d => d > 0).Average();
        for (var i = 0; i < Rows; i++)
            for (var j = 0; j < Rows; j++) distances[i, j] /= mean;
        return distances;
    }

    private static double Angle(double[][] x, int i, int j, int k) =>
        i == j || k == j ? 0 : Cosine(Minus(x[i], x[j]), Minus(x[k], x[j]));

    private static double Huber(double x) => Math.Abs(x) < 1 ? x * x / 2 : Math.Abs(x) - 0.5;

    private static double[] Softmax(double[][] x, int row, double temperature)
    {
        double[] scores = [.. Enumerable.Range(0, Rows).Where(j => j != row).Select(j => Math.Exp(Cosine(x[row], x[j]) / temperature))];
        return [.. scores.Select(score => score / scores.Sum())];
    }
}
