namespace MetricLearning;

/// <summary>An operation of a <see cref="ScriptGraph"/>.</summary>
/// <param name="Kind">The kind, for the passes over the graph.</param>
/// <param name="Output">The name of the output.</param>
/// <param name="Inputs">The names of the inputs.</param>
/// <param name="Write">Makes the expression in TorchScript from the expressions of the inputs.</param>
internal sealed record ScriptNode(ScriptKind Kind, string Output, IReadOnlyList<string> Inputs, Func<IReadOnlyList<string>, string> Write)
{
    /// <summary>The ε of a batch norm.</summary>
    public double Epsilon { get; init; }

    /// <summary>The windows of a convolution of libtorch; null for other operations.</summary>
    public ConvolutionGeometry? Convolution { get; init; }
}

/// <summary>The operations that the passes over a graph know; all others are <see cref="Other"/>.</summary>
internal enum ScriptKind
{
    Other,

    /// <summary>Takes the input, the weight and, if it has one, the bias.</summary>
    Convolution,

    /// <summary>As <see cref="Convolution"/>.</summary>
    Linear,

    /// <summary>Takes the input, weight, bias, mean and variance.</summary>
    BatchNorm,

    Relu,

    /// <summary>Takes two inputs of one shape.</summary>
    Add,

    Multiply,
}
