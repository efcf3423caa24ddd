using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public sealed class ActivationMapsTests
{
    [Fact]
    public void Map_IsTheSumOfSquares_OfLengthOne()
    {
        using var features = randn(3, 5, 4, 2, ScalarType.Float64);
        using var maps = ActivationMaps.Of(features);
        Assert.Equal([3, 4, 2], maps.shape);
        var f = features.data<double>().ToArray();
        var got = maps.data<double>().ToArray();
        for (var n = 0; n < 3; n++)
        {
            var energy = new double[8];
            for (var c = 0; c < 5; c++)
                for (var place = 0; place < 8; place++) energy[place] += f[(n * 5 + c) * 8 + place] * f[(n * 5 + c) * 8 + place];
            var length = Math.Sqrt(energy.Sum(e => e * e));
            for (var place = 0; place < 8; place++) Assert.Equal(energy[place] / length, got[n * 8 + place], 1e-12);
        }
    }

    [Fact]
    public void WithoutActivation_ItIsZero()
    {
        using var features = zeros(1, 4, 3, 3);
        using var maps = ActivationMaps.Of(features);
        using var most = maps.max();
        Assert.Equal(0, most.item<float>());
    }

    [Fact]
    public void OtherShapes_ArePrinted()
    {
        using var features = zeros(4, 3);
        Assert.Contains("[N, C, h, w], got [4, 3]", Assert.Throws<ArgumentException>(() => ActivationMaps.Of(features)).Message,
            StringComparison.Ordinal);
    }
}
