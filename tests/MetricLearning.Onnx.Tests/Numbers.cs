using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>Compares two results.</summary>
internal static class Numbers
{
    /// <summary>Fails unless shapes are equal and no value differs by more than a share of the largest expected one.</summary>
    public static void Near(Tensor expected, Tensor actual, double share = 1e-4)
    {
        Assert.Equal(expected.shape, actual.shape);
        using var scope = NewDisposeScope();
        var largest = expected.abs().max().item<float>();
        Assert.True(float.IsFinite(largest) && largest > 0, $"the largest value is {largest}");
        var worst = (expected - actual).abs().max().item<float>();
        Assert.True(worst <= share * largest, $"a value differs by {worst / largest:g2} of the largest, {largest:g4}");
    }
}
