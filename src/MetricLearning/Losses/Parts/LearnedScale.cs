using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The scale of a loss that learns its logarithm, in the parameter <c>logit_scale</c>. The name is that of open_clip and
/// transformers.</summary>
internal static class LearnedScale
{
    private const string Name = "logit_scale";

    /// <summary>Registers the parameter.</summary>
    /// <param name="loss">The loss.</param>
    /// <param name="start">The logarithm at first.</param>
    public static void Register(nn.Module loss, double start) => loss.register_parameter(Name, Number(start));

    /// <summary>A float32 parameter of one number, [].</summary>
    public static Parameter Number(double start) => nn.Parameter(full([], S(start), ScalarType.Float32));

    /// <summary>The parameter of a loss that has not been disposed.</summary>
    public static Parameter Of(nn.Module loss) => Of(loss, Name);

    /// <summary>A parameter of a loss that has not been disposed.</summary>
    public static Parameter Of(nn.Module loss, string name)
    {
        Guard.InUse(loss);
        return loss.get_parameter(name)!;
    }

    /// <summary>The scale of a logarithm.</summary>
    public static double Value(Tensor logarithm)
    {
        using var scope = NewDisposeScope();
        return Math.Exp(logarithm.detach().to(ScalarType.Float64).item<double>());
    }
}
