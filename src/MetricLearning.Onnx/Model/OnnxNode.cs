namespace MetricLearning.Onnx;

/// <summary>One operation of a graph.</summary>
/// <param name="Operator">The operator, such as <c>Conv</c>.</param>
/// <param name="Inputs">The names of what it takes; empty for an input that is left out.</param>
/// <param name="Outputs">The names of what it gives.</param>
/// <param name="Attributes">Its settings by name: long, float, long[], or an <see cref="OnnxTensor"/> of a file that is read.</param>
internal sealed record OnnxNode(string Operator, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs,
    IReadOnlyDictionary<string, object> Attributes);
