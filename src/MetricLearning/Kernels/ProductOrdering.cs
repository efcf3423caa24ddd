using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Rows whose products x·y order pairs as a distance does: by <c>‖x‖² + ‖y‖² − 2x·y</c>, or by <c>−x·y</c>.</summary>
/// <param name="Rows">[N, D]; the caller's dispose scope frees them.</param>
/// <param name="Squared">Whether the order is by <c>‖x‖² + ‖y‖² − 2x·y</c>, the squared Euclidean distance of the rows.</param>
/// <param name="Floor">Values below the floor count as equal to it.</param>
internal readonly record struct ProductOrdering(Tensor Rows, bool Squared, double Floor = double.NegativeInfinity);
