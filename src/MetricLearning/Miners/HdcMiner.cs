using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Keeps the hardest part of all pairs of the batch: the farthest positive pairs and the nearest negative pairs.</summary>
/// <remarks>
/// ⌈fraction · K⌉ of K pairs are kept, separately for positives and negatives, over the whole batch and not per anchor. Memory O(N·M);
/// nothing is sorted. Yuan, Yang, Zhang, <i>Hard-Aware Deeply Cascaded Embedding</i>, ICCV 2017; as in pytorch-metric-learning's HDCMiner.
/// </remarks>
public sealed class HdcMiner : Miner
{
    /// <summary>Creates the miner.</summary>
    /// <param name="fraction">The part that is kept, in (0, 1]; 0.5 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">The fraction is out of range.</exception>
    public HdcMiner(double fraction = 0.5) => Fraction = Guard.Within(Guard.Positive(fraction), 0, 1, nameof(fraction));

    /// <summary>The part of each kind that is kept.</summary>
    public double Fraction { get; }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates) =>
        new Pairs(Lowest(-distances, candidates.Positives), Lowest(distances, candidates.Negatives));

    /// <summary>The masked entries with the lowest keys. Among equal keys the lowest index comes first; NaN comes before all.</summary>
    private Tensor Lowest(Tensor keys, Tensor mask)
    {
        if (SimdRows.Supports(keys) && mask.device_type == TorchSharp.DeviceType.CPU && keys.numel() <= int.MaxValue / sizeof(double))
            return keys.dtype == ScalarType.Float32 ? LowestOf<float>(keys, mask) : LowestOf<double>(keys, mask);
        keys = keys.masked_fill(keys.isnan(), S(double.NegativeInfinity));
        var values = keys.masked_select(mask);
        if (values.numel() == 0) return mask.clone();         // the candidates keep their own mask
        var kept = (long)Math.Ceiling(Fraction * values.numel());
        var last = values.kthvalue(kept, dim: 0, keepdim: false).values;
        var (lower, ties) = (mask & (keys < last), mask & (keys == last));
        var room = S(kept) - lower.sum();
        return lower | (ties & (ties.reshape(-1).cumsum(0).view_as(ties) <= room));
    }

    /// <summary>The same by a search of the entries in memory. NaN counts as −∞, and of equal entries the first are kept.</summary>
    private unsafe Tensor LowestOf<T>(Tensor keys, Tensor mask) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using var scope = NewDisposeScope();
        var (contiguous, kept) = (TensorMemory.Contiguous(keys), TensorMemory.Contiguous(mask).clone());
        var count = (int)keys.numel();
        var entries = new ReadOnlySpan<T>(TensorMemory.Of(contiguous), count);
        var marks = new Span<bool>(TensorMemory.Of(kept), count);
        var numbers = new T[(int)RowMath.Count(kept)];
        var filled = 0;
        for (var i = 0; i < count; i++)
            if (marks[i]) numbers[filled++] = Ordered(entries[i]);
        if (filled > 0)
        {
            var room = (long)Math.Ceiling(Fraction * filled);
            var last = KthLowest.Of<T>(numbers, room);
            for (var i = 0; i < count; i++)
                if (marks[i] && Ordered(entries[i]) < last) room--;
            for (var i = 0; i < count; i++)
                if (marks[i] && !(Ordered(entries[i]) < last)) marks[i] = Ordered(entries[i]) == last && room-- > 0;
        }
        return kept.MoveToOuterDisposeScope();

        static T Ordered(T entry) => T.IsNaN(entry) ? T.NegativeInfinity : entry;
    }
}
