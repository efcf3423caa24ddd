using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that the gradient of every loss is proportional to the gradient that comes from above, as gradient scaling and weights of
/// losses need it, and that a graph that is kept can be passed several times.</summary>
[LeavesNoTensors]
public class UpstreamGradientTests
{
    public static MatrixTheoryData<string, ScalarType> Losses =>
        new([.. LossTable.Names.Select(row => row.Data), .. ModuleTable.Names], [ScalarType.Float32, ScalarType.Float64]);

    [Theory, MemberData(nameof(Losses))]
    public void TheGradient_IsProportionalToThatFromAbove(string name, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(dtype: type);
        using var loss = ModuleTable.Names.Contains(name) ? ModuleTable.Create(name) : LossTable.Create(name);
        var value = loss is MetricLoss own ? own.call(x.requires_grad_(), y) : ModuleTable.Call(loss, x.requires_grad_(), y);
        Tensor[] inputs = [x, .. loss.parameters().Where(parameter => parameter.requires_grad)];
        var once = Gradients(1);
        Assert.Equal(once, Gradients(1));
        Assert.Equal(once.Select(g => g * 65536), Gradients(65536));
        Assert.Equal(once.Select(g => -g), Gradients(-1));
        Assert.All(Gradients(0), g => Assert.Equal(0, g));
        if (once.All(g => g == 0)) return;
        // A program that scales gradients finds an overflow by this.
        foreach (var overflow in new[] { double.PositiveInfinity, double.NaN })
            Assert.Contains(Gradients(overflow), g => !double.IsFinite(g));

        double[] Gradients(double above)
        {
            using var pass = NewDisposeScope();
            return [.. autograd.grad([(value * above).sum()], inputs, retain_graph: true, allow_unused: true)
                .SelectMany(g => g is null ? [] : g.to(ScalarType.Float64).reshape(-1).data<double>().ToArray())];
        }
    }
}
