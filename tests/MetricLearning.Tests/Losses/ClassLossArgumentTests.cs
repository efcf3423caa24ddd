namespace MetricLearning.Tests;

/// <summary>
/// Tests constructors that throw. The finalizer frees the tensors that they had created, so these tests are separate from those that count
/// tensors.
/// </summary>
public class ClassLossArgumentTests
{
    [Fact]
    public void WhatDoesNotFit_IsNamed()
    {
        string Message(Func<object> create) => Assert.Throws<ArgumentOutOfRangeException>(create).Message;
        Assert.StartsWith("margin must be in [0, 3.14", Message(() => new ArcFaceLoss(2, 2, margin: 28.6)));
        Assert.StartsWith("margin must be in [0, 3.14", Message(() => new CurricularFaceLoss(2, 2, margin: -0.1)));
        Assert.StartsWith("classes must be at least 1.", Message(() => new SoftmaxLoss(0, 2)));
        Assert.StartsWith("dimension must be at least 1.", Message(() => new P2SGradLoss(2, 0)));
        Assert.StartsWith("centersPerClass must be at least 1.", Message(() => new SoftTripleLoss(2, 2, 0)));
        Assert.StartsWith("margin must be at least 1.", Message(() => new SphereFaceLoss(2, 2, 0)));
        Assert.StartsWith("alpha must be in [0, 1).", Message(() => new ManifoldLoss(2, 2, alpha: 1)));
        Assert.StartsWith("momentum must be in [0, 1].", Message(() => new AdaFaceLoss(2, 2, momentum: double.NaN)));
    }

    [Fact]
    public void SampledClasses_ThatDoNotFit_AreNamed()
    {
        Assert.StartsWith("count must be at least 1.", Assert.Throws<ArgumentOutOfRangeException>(() => new SampledClasses(0)).Message);
        Assert.StartsWith("momentum must be in [0, 1).",
            Assert.Throws<ArgumentOutOfRangeException>(() => new SampledClasses(1, 1)).Message);
        using var sampled = new SampledClasses(4);
        Assert.StartsWith("Sampled must have a count of at most the 3 classes, got 4.",
            Assert.Throws<ArgumentException>(() => new CosFaceLoss(3, 2) { Sampled = sampled }).Message);
        using var loss = new CosFaceLoss(4, 2) { Sampled = sampled };
        Assert.StartsWith("These sampled classes already belong to another loss.",
            Assert.Throws<InvalidOperationException>(() => new CosFaceLoss(4, 2) { Sampled = sampled }).Message);
    }
}
