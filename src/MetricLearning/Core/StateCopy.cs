using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Copies what one module has learned into another of the same build.</summary>
internal static class StateCopy
{
    public static void Copy(nn.Module from, nn.Module to)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var source = from.state_dict();
        foreach (var (name, tensor) in to.state_dict()) tensor.copy_(source[name]);
    }
}
