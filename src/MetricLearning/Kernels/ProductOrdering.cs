using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Rows whose products x·y order pairs as a distance does: by <c>‖x‖² + ‖y‖² − 2x·y</c>, or by <c>−x·y</c>.</summary>
/// <param name="Rows">[N, D], which the caller disposes with his scope.</param>
/// <param name="Squared">Whether the squared Euclidean distance of the rows is meant.</param>
/// <param name="Floor">Distances below it are equal to it.</param>
internal readonly record struct ProductOrdering(Tensor Rows, bool Squared, double Floor = double.NegativeInfinity);
