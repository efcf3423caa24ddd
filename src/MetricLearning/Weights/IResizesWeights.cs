using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A module that can use a published tensor of another shape.</summary>
internal interface IResizesWeights
{
    /// <summary>The stored tensor in the shape that the module's own of that name has, in the caller's dispose scope; null if it cannot be
    /// made.</summary>
    Tensor? Resize(string name, Tensor stored);
}
