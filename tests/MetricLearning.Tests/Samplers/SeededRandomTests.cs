using MetricLearning.Testing;

namespace MetricLearning.Tests;

public class SeededRandomTests
{
    [Fact]
    public void NextInt_CoversTheRangeEvenly()
    {
        var random = new SeededRandom(1);
        var counts = new int[7];
        for (var i = 0; i < 70_000; i++) counts[random.NextInt(7)]++;
        Assert.All(counts, count => Assert.InRange(count, 9_600, 10_400));
    }
}

[LeavesNoTensors]
public class DistanceTests
{
    [Fact]
    public void Matrix_LeavesOnlyItsResult()
    {
        using var x = TorchSharp.torch.rand(4, 3);
        using var d = Distance.Cosine.Matrix(x, x);
        Assert.Equal([4, 4], d.shape);
    }
}
