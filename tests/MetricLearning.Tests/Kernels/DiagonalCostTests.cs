using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class DiagonalCostTests
{
    [Theory, InlineData(1), InlineData(2), InlineData(7), InlineData(8), InlineData(9), InlineData(33)]
    public void Of_AgreesWithALoop_AndItsGradient(int size)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64 })
        {
            var x = randn([size, size], type).requires_grad_();
            var values = x.to(ScalarType.Float64).data<double>().ToArray();
            double sum = 0;
            var slopes = new double[values.Length];
            for (var i = 0; i < size; i++)
                for (var j = 0; j < size; j++)
                {
                    var (weight, difference) = i == j ? (2.0, values[i * size + j] - 1.5) : (0.25, values[i * size + j]);
                    sum += weight * difference * difference;
                    slopes[i * size + j] = 3 * 2 * weight * difference;
                }
            var cost = DiagonalCost.Of(x, target: 1.5, own: 2, other: 0.25);
            Assert.Equal(type, cost.dtype);
            Assert.Empty(cost.shape);
            var tolerance = type == ScalarType.Float32 ? 1e-6 : 1e-14;
            Assert.Equal(sum, cost.to(ScalarType.Float64).item<double>(), tolerance * sum);
            (cost * 3).backward();
            Gradient.Release();
            Assert.Equal(0, (x.grad!.to(ScalarType.Float64) - tensor(slopes).view(size, size)).abs().max().item<double>(),
                tolerance * slopes.Max(Math.Abs));
        }
    }

    [Fact]
    public void Of_ATransposedMatrix_IsThatOfItsCopy()
    {
        using var scope = NewDisposeScope();
        var x = randn(5, 5);
        x[1, 1] = 9;
        Assert.Equal(DiagonalCost.Of(x.t().contiguous(), 1, 1, 2).item<float>(), DiagonalCost.Of(x.t(), 1, 1, 2).item<float>());
    }

    [Fact]
    public void Of_ASmallEntryBesideALargeDiagonal_KeepsItsDigits()
    {
        using var scope = NewDisposeScope();
        var x = eye(4) * 1e6f;
        x[2, 0] = 1e-3f;
        Assert.Equal(1e-6, DiagonalCost.Of(x, target: 0, own: 0, other: 1).item<float>(), 1e-12);
    }

    [Theory, InlineData(float.NaN), InlineData(float.PositiveInfinity)]
    public void Of_NotFinite_GivesNoNumber(float entry)
    {
        using var scope = NewDisposeScope();
        var x = eye(4);
        x[2, 0] = entry;
        Assert.False(float.IsFinite(DiagonalCost.Of(x, 1, 1, 1).item<float>()));
    }

    [Fact]
    public void EveryNumberOfThreads_GivesTheSameBits()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var x = randn(700, 700);
        Assert.Equal(Run(1), Run(2));

        float[] Run(int count)
        {
            using var threads = new TorchThreads(count);
            var leaf = x.clone().requires_grad_();
            var cost = DiagonalCost.Of(leaf, 1, 1, 0.1);
            cost.backward();
            Gradient.Release();
            return [cost.item<float>(), .. leaf.grad!.data<float>()];
        }
    }
}
