using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class EuclideanDistancesTests
{
    private static readonly EuclideanForm[] forms = [new(Squared: false), new(Squared: true), new(Squared: false, Floor: 4)];

    [Theory, InlineData(1), InlineData(8), InlineData(37), InlineData(600)]
    public void Of_AgreesWithPlainTensors_ToTheGradientOfEachSide(int width)
    {
        foreach (var type in (ScalarType[])[ScalarType.Float32, ScalarType.Float64])
            foreach (var form in forms)
            {
                using var scope = NewDisposeScope();
                manual_seed(width);
                Tensor[] sides = [randn(width, 9, type).t().requires_grad_(), randn(9, width, type).requires_grad_()];
                var weights = randn(9, type);
                foreach (var (expected, actual) in All(EuclideanDistances.Plain).Zip(All(EuclideanDistances.Of)))
                    Assert.Equal(0, (expected - actual).abs().max().item<double>(),
                        (type == ScalarType.Float32 ? 3e-6 : 1e-14) * Math.Max(1, expected.abs().max().item<double>()));

                Tensor[] All(Func<Tensor, Tensor, EuclideanForm, Tensor> function)
                {
                    var value = function(sides[0], sides[1], form);
                    return [.. new[] { value }.Concat(autograd.grad([(value * weights).sum()], sides))
                        .Select(x => x.to(ScalarType.Float64))];
                }
            }
        Gradient.Release();
    }

    [Fact]
    public void Of_OneSideNeedsAGradient_TheOtherGetsNone()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var (x, y) = (randn(5, 7), randn(5, 7).requires_grad_());
        EuclideanDistances.Of(x, y, forms[0]).sum().backward();
        var wanted = y.detach().requires_grad_();
        EuclideanDistances.Of(wanted, x, forms[0]).sum().backward();
        Assert.Null(x.grad);
        Assert.Equal(y.grad!.data<float>().ToArray(), wanted.grad!.data<float>().ToArray());
        Gradient.Release();
    }

    /// <summary>A row is 0 away from itself and has the gradient 0. This also holds for rows that are not finite if their distance does not
    /// count.</summary>
    [Fact]
    public void Of_EqualRows_HaveTheGradientZero()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[,] { { 1f, 2 }, { float.PositiveInfinity, 0 }, { float.NaN, 0 } }).requires_grad_();
        var distances = EuclideanDistances.Of(x, tensor(new[,] { { 1f, 2 }, { 0, 0 }, { 0, 0 } }), forms[0]);
        Assert.Equal([0, float.PositiveInfinity, float.NaN], distances.data<float>().ToArray());
        (distances * tensor(new[] { 1f, 0, 0 })).nan_to_num(0, 0, 0).sum().backward();
        Assert.All(x.grad![..2].data<float>().ToArray(), value => Assert.Equal(0, value));
        Gradient.Release();
    }

    [Fact]
    public void Of_RowsOfAnySize_KeepsTheDigits()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var (x, y) = (randn(4, 21, ScalarType.Float64), randn(4, 21, ScalarType.Float64));
        foreach (var size in (double[])[1e-30, 1e-20, 1e18, 1e30])
        {
            var (a, b) = ((x * size).to(ScalarType.Float32), (y * size).to(ScalarType.Float32));
            var expected = EuclideanDistances.Of(a.to(ScalarType.Float64), b.to(ScalarType.Float64), forms[0]);
            var found = EuclideanDistances.Of(a, b, forms[0]).to(ScalarType.Float64);
            Assert.Equal(0, ((found - expected) / expected).abs().max().item<double>(), 3e-7);
        }
    }

    [Fact]
    public void Of_NoRows_GivesNone()
    {
        using var scope = NewDisposeScope();
        Assert.Equal([0], EuclideanDistances.Of(zeros(0, 3), zeros(0, 3), forms[0]).shape);
    }
}
