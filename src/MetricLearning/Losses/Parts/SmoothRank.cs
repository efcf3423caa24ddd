using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Computes ranks with a gradient: a sigmoid replaces the comparison "is nearer than".</summary>
internal static class SmoothRank
{
    /// <summary>
    /// Computes for each pair (rows[k], columns[k]) the soft number of columns that are nearer to the row: <c>Σ_z σ((d(row, column) −
    /// d(row, z)) / τ)</c> over the columns z that the mask keeps. [N, M] distances → [K]. The pair itself counts ½ if the mask keeps it.
    /// It is computed in blocks of pairs.
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

    /// <summary>The positive pairs. An anchor that has positives and is among the references is also a positive of itself.</summary>
    public static (Tensor Rows, Tensor Columns) WithSelf(Pairs pairs)
    {
        var indices = (pairs.Positives | (pairs.Own() & pairs.Positives.any(1, keepdim: true))).nonzero();
        return (indices.select(1, 0), indices.select(1, 1));
    }

    /// <summary>Computes the mean of the values of the pairs of each anchor that has pairs.</summary>
    public static LossTerm MeanByRow(Tensor values, Tensor rows, long count)
    {
        var counts = bincount(rows, minlength: (int)count);
        var anchors = counts.nonzero().squeeze(1);
        var sums = zeros(count, values.dtype, values.device).index_add(0, rows, values, S(1));
        return new((sums / counts.clamp_min(S(1))).index_select(0, anchors), anchors);
    }
}
