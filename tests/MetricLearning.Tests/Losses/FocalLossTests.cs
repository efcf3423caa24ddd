using MetricLearning.Testing;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class FocalLossTests
{
    [Theory, InlineData(0, 1), InlineData(0.5, 1), InlineData(2, 0.25), InlineData(5, 3)]
    public void MatchesTheFormula_AndItsGradient(double gamma, double alpha)
    {
        using var scope = NewDisposeScope();
        var (z, y) = (LossTable.Random(1, 6, 4), tensor([0L, 3, 1, 1, 2, 0]));
        using var loss = new FocalLoss(gamma, alpha);
        var p = softmax(z, 1);
        var expected = Enumerable.Range(0, 6).Average(i =>
        {
            var own = p[i, y[i].item<long>()].item<double>();
            return -alpha * Math.Pow(1 - own, gamma) * Math.Log(own);
        });
        Assert.Equal(expected, loss.call(z, y).item<double>(), 12);
        GradientCheck.Run(z, logits => loss.call(logits, y));
    }

    [Theory, InlineData(0), InlineData(0.5), InlineData(1), InlineData(2)]
    public void CertainSamples_HaveFiniteGradients(double gamma)
    {
        using var scope = NewDisposeScope();
        using var loss = new FocalLoss(gamma);
        foreach (var logit in new[] { 1e3f, 40f, 18f, -1e3f })
        {
            var z = tensor(new[,] { { logit, 0 }, { logit, 0 } }).requires_grad_();
            var value = loss.call(z, tensor([0L, 0]));
            value.backward();
            Assert.True(value.isfinite().item<bool>() && z.grad!.isfinite().all().item<bool>(), $"{logit}");
        }
    }

    [Fact]
    public void WhatDoesNotFit_IsNamed()
    {
        using var scope = NewDisposeScope();
        using var loss = new FocalLoss();
        string Message(Tensor logits, Tensor labels) => Assert.ThrowsAny<ArgumentException>(() => loss.call(logits, labels)).Message;
        Assert.StartsWith("labels must be in [0, 4), got 4 in row 1.", Message(zeros(3, 4), tensor([0L, 4, 0])));
        Assert.StartsWith("labels must be [3], one label per row, got [2].", Message(zeros(3, 4), tensor([0L, 1])));
        Assert.StartsWith("logits must be [N, C], got [3].", Message(zeros(3), zeros(3, ScalarType.Int64)));
        Assert.StartsWith("gamma must be 0 or greater.", Assert.Throws<ArgumentOutOfRangeException>(() => new FocalLoss(-1)).Message);
    }
}
