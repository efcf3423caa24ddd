namespace MetricLearning;

/// <summary>How a convolution walks over its maps.</summary>
/// <param name="Stride">The step from window to window; one number for the height and one for the width, as in the next two.</param>
/// <param name="Padding">The zeros at each side.</param>
/// <param name="Dilation">The step within a window.</param>
/// <param name="Groups">The groups of channels, each with its own kernels.</param>
/// <param name="Maps">The shape of the input.</param>
internal sealed record ConvolutionGeometry(IReadOnlyList<long> Stride, IReadOnlyList<long> Padding, IReadOnlyList<long> Dilation,
    long Groups, IReadOnlyList<long> Maps);
