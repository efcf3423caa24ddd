using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A module that can convert a published tensor of another shape.</summary>
internal interface IResizesWeights
{
    /// <summary>The stored tensor in the shape of the module's own tensor of that name, in the caller's dispose scope; null if it cannot be
    /// converted.</summary>
    Tensor? Resize(string name, Tensor stored);
}
