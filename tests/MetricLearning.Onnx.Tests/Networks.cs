using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>Prepares networks so that every parameter changes the output. In a new network, many norms would have no effect.</summary>
internal static class Networks
{
    /// <summary>Gives all norms random weights and statistics, and puts the model into evaluation mode.</summary>
    public static T Lived<T>(T model) where T : nn.Module
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        manual_seed(7);
        foreach (var (name, tensor) in model.state_dict())
            if (name.EndsWith("running_var", StringComparison.Ordinal)) tensor.uniform_(1, 3);
            else if (name.EndsWith("running_mean", StringComparison.Ordinal)) tensor.normal_(0, 0.1);
        foreach (var module in model.modules())
            if (module is NormBase { weight: not null } norm)
            {
                norm.weight.uniform_(0.5, 1.5);
                norm.bias!.normal_(0, 0.1);
            }
            else if (module is LayerNorm layer)
            {
                layer.weight!.uniform_(0.5, 1.5);
                layer.bias!.normal_(0, 0.1);
            }
        model.eval();
        return model;
    }
}
