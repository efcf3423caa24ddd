using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Position embeddings of a transformer: one for the class token, then one for each patch, row by row.</summary>
internal static class PositionGrid
{
    /// <summary>The embeddings [1, 1 + rows · columns, D] for another grid of patches; that of the class token stays.</summary>
    public static Tensor Resize(
        Tensor positions, (long Rows, long Columns) from, (long Rows, long Columns) to, PositionInterpolation interpolation)
    {
        using var scope = NewDisposeScope();
        var token = positions.narrow(1, 0, 1);
        var grid = positions.narrow(1, 1, from.Rows * from.Columns).reshape(1, from.Rows, from.Columns, -1).permute(0, 3, 1, 2);
        var bicubic = interpolation == PositionInterpolation.Bicubic;
        var resized = nn.functional.interpolate(grid, size: [to.Rows, to.Columns],
            mode: bicubic ? InterpolationMode.Bicubic : InterpolationMode.Bilinear, align_corners: false, antialias: bicubic);
        return cat([token, resized.permute(0, 2, 3, 1).reshape(1, to.Rows * to.Columns, -1)], 1).MoveToOuterDisposeScope();
    }
}
