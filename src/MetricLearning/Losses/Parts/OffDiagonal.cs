using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The entries of a square matrix that do not lie on its diagonal.</summary>
internal static class OffDiagonal
{
    /// <summary>A view of these entries, [D − 1, D], with gradient.</summary>
    /// <param name="matrix">[D, D], contiguous; D at least 1.</param>
    public static Tensor Of(Tensor matrix)
    {
        // The diagonal has every (D + 1)th entry, so it is the first column of rows of D + 1 entries. No entry is copied.
        var d = matrix.size(0);
        return matrix.view(-1).narrow(0, 0, d * d - 1).view(d - 1, d + 1).narrow(1, 1, d);
    }
}
