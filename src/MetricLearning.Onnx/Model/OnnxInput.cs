namespace MetricLearning.Onnx;

/// <summary>An input or output of a network.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">The number of its type in <see cref="OnnxTypes"/>.</param>
/// <param name="Shape">Its sizes; <see cref="GraphValue.Unknown"/> for a free size.</param>
internal sealed record OnnxInput(string Name, int Type, IReadOnlyList<long> Shape);
