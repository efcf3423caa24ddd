using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that hold for every loss of two views.</summary>
[LeavesNoTensors]
public class ViewLossTests
{
    public static TheoryData<string> ViewLosses => [.. ModuleTable.Names.Where(name =>
    {
        using var module = ModuleTable.Create(name);
        return module is ViewLoss;
    })];

    [Theory, MemberData(nameof(ViewLosses))]
    public void Labels_AreNotAView(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = (ViewLoss)ModuleTable.Create(name);
        Assert.StartsWith(
            "second must be a second view of the rows, because this loss compares views, not labels; got Int64 [12].",
            Assert.Throws<ArgumentException>(() => loss.call(x, y)).Message);
        Assert.Equal("second", Assert.Throws<ArgumentNullException>(() => loss.call(x, null!)).ParamName);
    }

    [Theory, MemberData(nameof(ViewLosses))]
    public void Call_RunsHooks_AndForwardGivesTheSame(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(1, 12, LossTable.Dimension), LossTable.Random(2, 12, LossTable.Dimension));
        using var loss = (ViewLoss)ModuleTable.Create(name);
        var seen = 0;
        loss.register_forward_hook((_, views, value) =>
        {
            Assert.Same(x, views.First);
            seen++;
            return value;
        });
        var expected = loss.forward(new EmbeddingViews(x, y)).item<double>();
        Assert.Equal(expected, loss.forward(x, y).item<double>());
        Assert.Equal(0, seen);
        Assert.Equal(expected, loss.call(x, y).item<double>());
        Assert.Equal(1, seen);
    }

    [Theory, MemberData(nameof(ViewLosses))]
    public void HalfPrecision_IsComputedInFloat32_WithAGradientInHalf(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = (ViewLoss)ModuleTable.Create(name);
        var (x, y) = (LossTable.Random(1, 12, LossTable.Dimension).to(ScalarType.Float16).requires_grad_(),
            LossTable.Random(2, 12, LossTable.Dimension).to(ScalarType.Float16));
        var value = loss.call(x, y);
        value.backward();
        Assert.Equal((ScalarType.Float32, ScalarType.Float16), (value.dtype, x.grad!.dtype));
        Assert.Equal(loss.call(x.detach().to(ScalarType.Float32), y.to(ScalarType.Float32)).item<float>(), value.item<float>());
    }
}
