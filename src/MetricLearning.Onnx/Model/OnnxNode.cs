namespace MetricLearning.Onnx;

/// <summary>One operation of a graph.</summary>
/// <param name="Operator">The operator, such as <c>Conv</c>.</param>
/// <param name="Inputs">The names of its inputs; empty for an input that is left out.</param>
/// <param name="Outputs">The names of its outputs.</param>
/// <param name="Attributes">Its attributes by name: long, float, long[], or an <see cref="OnnxTensor"/> if the file was read.</param>
internal sealed record OnnxNode(string Operator, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs,
    IReadOnlyDictionary<string, object> Attributes);
