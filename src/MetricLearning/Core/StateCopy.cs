using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Copies the parameters and buffers of a module into another module of the same structure.</summary>
internal static class StateCopy
{
    public static void Copy(nn.Module from, nn.Module to)
    {
        Guard.InUse(from);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var source = from.state_dict();
        foreach (var (name, tensor) in to.state_dict()) tensor.copy_(source[name]);
    }
}
