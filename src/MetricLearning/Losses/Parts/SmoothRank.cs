using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Ranks with a gradient: a sigmoid in place of "is nearer than".</summary>
internal static class SmoothRank
{
    /// <summary>
    /// For each pair (rows[k], columns[k]) how many columns of that row are nearer: <c>Σ_z σ((d(row, column) − d(row, z)) / τ)</c> over the
    /// columns that the mask keeps. [K], from [N, M] distances; the pair itself counts ½ where the mask keeps it. In blocks of pairs.
    /// </summary>
    public static Tensor Nearer(Tensor matrix, Tensor rows, Tensor columns, Tensor mask, double temperature)
    {
        return PairBlocks.Map([matrix, mask], rows, columns, matrix.size(1), (m, r, c) =>
        {
            var row = m[0].index_select(0, r);
            var nearer = ((row.gather(1, c.unsqueeze(1)) - row) / S(temperature)).sigmoid();
            return (nearer * m[1].index_select(0, r)).sum(1);
        });
    }

    /// <summary>The positive pairs, and each anchor that has positives as a positive of itself where the references hold it.</summary>
    public static (Tensor Rows, Tensor Columns) WithSelf(Pairs pairs)
    {
        var indices = (pairs.Positives | (pairs.Own() & pairs.Positives.any(1, keepdim: true))).nonzero();
        return (indices.select(1, 0), indices.select(1, 1));
    }

    /// <summary>The mean of pair values over each anchor that has pairs.</summary>
    public static LossTerm MeanByRow(Tensor values, Tensor rows, long count)
    {
        var counts = bincount(rows, minlength: (int)count);
        var anchors = counts.nonzero().squeeze(1);
        var sums = zeros(count, values.dtype, values.device).index_add(0, rows, values, S(1));
        return new((sums / counts.clamp_min(S(1))).index_select(0, anchors), anchors);
    }
}
