using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Convolutions as the backbones use them.</summary>
internal static class Convolution
{
    /// <summary>
    /// A convolution whose output has the input's size divided by the stride. Its weights start from Kaiming's normal distribution over
    /// fan-out for ReLU; its bias, if it has one, from 0.
    /// </summary>
    public static Conv2d Of(long inputs, long outputs, int kernel, int stride = 1, long groups = 1, bool bias = false)
    {
        // TorchSharp's initialization of a bias leaves a view of the weights undisposed.
        using var scope = NewDisposeScope();
        var convolution = nn.Conv2d(inputs, outputs, kernel_size: kernel, stride: stride, padding: kernel / 2, groups: groups, bias: bias);
        nn.init.kaiming_normal_(convolution.weight, mode: nn.init.FanInOut.FanOut, nonlinearity: nn.init.NonlinearityType.ReLU);
        if (convolution.bias is { } offset) nn.init.zeros_(offset);
        return convolution;
    }

    /// <summary>A convolution without padding, with a bias, and with PyTorch's own initialization: uniform in ±1/√(fan-in).</summary>
    public static Conv2d Plain(long inputs, long outputs, int kernel, int stride = 1)
    {
        using var scope = NewDisposeScope();
        return nn.Conv2d(inputs, outputs, kernel_size: kernel, stride: stride);
    }
}
