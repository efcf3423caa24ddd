using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Compares the order of pairs by their distances with the order by their given similarities.</summary>
internal static class PairOrder
{
    /// <summary><c>log(1 + Σ exp(scale·(d_i − d_j)))</c> over all i and j with similarity i above similarity j.</summary>
    /// <param name="distances">The distance d of each pair, [N].</param>
    /// <param name="similarities">The similarity that each pair is to have, [N].</param>
    /// <param name="scale">The scale, above 0.</param>
    public static Tensor Cost(Tensor distances, Tensor similarities, double scale)
    {
        var differences = distances.unsqueeze(1) - distances.unsqueeze(0);
        var counted = similarities.unsqueeze(1) > similarities.unsqueeze(0);
        var rows = RowMath.LogSumExp(differences, counted, new Affine(scale));
        // A pair that is compared with no other must not hide a NaN.
        return RowMath.Guarded(cat([zeros(1, rows.dtype, rows.device), rows]).logsumexp(0), distances);
    }
}
