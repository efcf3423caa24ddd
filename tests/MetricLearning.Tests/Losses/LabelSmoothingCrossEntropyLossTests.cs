using MetricLearning.Testing;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class LabelSmoothingCrossEntropyLossTests
{
    /// <summary>The sample is of class 0 and has the logits 2, 1, 0 and −1.</summary>
    [Fact]
    public void PublishedForms()
    {
        using var scope = NewDisposeScope();
        var (z, y) = (tensor(new double[,] { { 2, 1, 0, -1 } }), tensor([0L]));
        double Of(LabelSmoothingCrossEntropyLoss loss)
        {
            using (loss) return loss.call(z, y).item<double>();
        }
        Assert.Equal(0.440189699, Of(new(epsilon: 0)), 9);
        Assert.Equal(0.590189699, Of(new()), 9);
        Assert.Equal(0.640189699, Of(LabelSmoothingCrossEntropyLoss.FastReId()), 9);
        Assert.Equal(0.697755403, Of(LabelSmoothingCrossEntropyLoss.FastReIdAdaptive()), 9);
    }

    [Theory, InlineData(LabelSmoothingForm.AllClasses), InlineData(LabelSmoothingForm.OtherClasses),
        InlineData(LabelSmoothingForm.Adaptive)]
    public void Indices_OneHot_AndSoftTargetsOfOneClass_AreTheSame(LabelSmoothingForm form)
    {
        using var scope = NewDisposeScope();
        var (z, y) = (LossTable.Random(1, 5, 4), tensor([0L, 3, 1, 1, 2]));
        using var loss = new LabelSmoothingCrossEntropyLoss(0.2) { Form = form };
        var expected = loss.call(z, y).item<double>();
        Assert.Equal(expected, loss.call(z, one_hot(y, 4)).item<double>(), 12);
        Assert.Equal(expected, loss.call(z, one_hot(y, 4).to(ScalarType.Float32)).item<double>(), 12);
    }

    [Fact]
    public void SoftTargets_MatchTorch()
    {
        using var scope = NewDisposeScope();
        var (z, q) = (LossTable.Random(1, 5, 4), softmax(LossTable.Random(2, 5, 4), 1));
        using var loss = new LabelSmoothingCrossEntropyLoss(0.1);
        Assert.Equal(cross_entropy(z, q, label_smoothing: 0.1).item<double>(), loss.call(z, q).item<double>(), 12);
    }

    [Theory, InlineData(LabelSmoothingForm.AllClasses), InlineData(LabelSmoothingForm.OtherClasses)]
    public void Gradient_IsThatOfCentralDifferences(LabelSmoothingForm form)
    {
        using var scope = NewDisposeScope();
        using var loss = new LabelSmoothingCrossEntropyLoss { Form = form };
        GradientCheck.Run(LossTable.Random(1, 5, 4), z => loss.call(z, tensor([0L, 3, 1, 1, 2])));
    }

    public static TheoryData<string> LossesOnLogits => ["label smoothing", "focal"];

    [Theory, MemberData(nameof(LossesOnLogits))]
    public void DegenerateBatches(string name)
    {
        using var scope = NewDisposeScope();
        using nn.Module<Tensor, Tensor, Tensor> loss = name == "focal" ? new FocalLoss() : LabelSmoothingCrossEntropyLoss.FastReId();
        var none = zeros([0, 4], requires_grad: true);
        var value = loss.call(none, zeros(0, ScalarType.Int64));
        value.backward();
        Assert.Equal(0, value.item<float>());
        Assert.Equal([0, 4], none.grad!.shape);
        Assert.Equal(0, loss.call(zeros(3, 1), zeros(3, ScalarType.Int64)).item<float>());
        Assert.True(loss.call(full([2, 3], double.NaN), zeros(2, ScalarType.Int64)).isnan().item<bool>());
        Assert.Equal(ScalarType.Float32, loss.call(zeros([2, 3], ScalarType.Float16), zeros(2, ScalarType.Int64)).dtype);
    }

    [Fact]
    public void WhatDoesNotFit_IsNamed()
    {
        using var scope = NewDisposeScope();
        using var loss = new LabelSmoothingCrossEntropyLoss();
        var z = zeros(3, 4);
        string Message(Tensor logits, Tensor labels) => Assert.ThrowsAny<ArgumentException>(() => loss.call(logits, labels)).Message;
        Assert.StartsWith("labels must be in [0, 4), got 4 in row 1.", Message(z, tensor([0L, 4, 0])));
        Assert.StartsWith("labels must be in [0, 4), got -100 in row 2.", Message(z, tensor([0L, 1, -100])));
        Assert.StartsWith("labels must be [3], one label per row, got [2].", Message(z, tensor([0L, 1])));
        Assert.StartsWith("labels must be [3], or [3, 4] as the logits, got [3, 5].", Message(z, zeros(3, 5)));
        Assert.StartsWith("labels must be integers (int64, int32, int16, int8 or uint8), got Float32.", Message(z, zeros(3)));
        Assert.StartsWith("logits must be [N, C], got [3].", Message(zeros(3), zeros(3, ScalarType.Int64)));
        Assert.StartsWith("epsilon must be in [0, 1].", Assert.Throws<ArgumentOutOfRangeException>(
            () => new LabelSmoothingCrossEntropyLoss(1.5)).Message);
    }
}
