using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A layer that multiplies matrices by itself, besides the convolutions and linear layers in it.</summary>
internal interface IMultiplyAdds
{
    /// <summary>The multiply-adds of its own products in the run that gave this output.</summary>
    long MultiplyAdds(Tensor output);
}
