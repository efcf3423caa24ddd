using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that a finite loss of rows of any size has no gradient that is NaN.</summary>
[LeavesNoTensors]
public class RowSizeTests
{
    private static readonly Dictionary<ScalarType, double[]> sizes = new()
    {
        [ScalarType.Float32] = [1e-30, 1e-25, 1e-20, 1e-15, 1e-10, 1e-5, 1e5, 1e10, 1e15, 1e18, 1e20, 1e30],
        [ScalarType.Float64] = [1e-250, 1e-200, 1e-160, 1e-120, 1e-80, 1e-40, 1e40, 1e80, 1e120],
    };

    public static MatrixTheoryData<string, ScalarType> Losses =>
        new([.. LossTable.Names.Select(row => row.Data), .. ModuleTable.Names], sizes.Keys);

    [Theory, MemberData(nameof(Losses))]
    public void AFiniteLoss_HasNoGradientThatIsNaN(string name, ScalarType type)
    {
        Assert.All(sizes[type], size =>
        {
            using var scope = NewDisposeScope();
            var (x, y) = LossTable.Batch(dtype: type);
            x = (x * size).requires_grad_();
            using var loss = ModuleTable.Names.Contains(name) ? ModuleTable.Create(name) : LossTable.Create(name);
            var value = loss is MetricLoss own ? own.call(x, y) : ModuleTable.Call(loss, x, y);
            value.backward();
            if (value.isfinite().item<bool>() && x.grad is { } gradient) Assert.False(gradient.isnan().any().item<bool>());
        });
    }
}
