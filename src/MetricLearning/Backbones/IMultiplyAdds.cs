using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A layer that has matrix products of its own, in addition to the convolutions and linear layers in it.</summary>
internal interface IMultiplyAdds
{
    /// <summary>Counts the multiply-adds of its own products in the run that gave this output.</summary>
    long MultiplyAdds(Tensor output);
}
