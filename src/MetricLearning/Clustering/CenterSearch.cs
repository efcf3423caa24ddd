using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Finds the nearest center of each row, for one run of k-means.</summary>
/// <param name="rows">float64 [N, D].</param>
internal abstract class CenterSearch(Tensor rows)
{
    /// <summary>The rows.</summary>
    protected Tensor Rows => rows;

    /// <summary>A search of rows that are about their mean. On the CPU it is <see cref="SievedCenterSearch"/>.</summary>
    public static CenterSearch Of(Tensor rows) =>
        SievedCenterSearch.Supports(rows) ? new SievedCenterSearch(rows) : new TensorCenterSearch(rows);

    /// <summary>Lowers the squared distance of each row from the nearest center, where one more center is nearer.</summary>
    /// <param name="center">The row that is the center.</param>
    /// <param name="nearest">The squared distances from the nearest center so far.</param>
    public abstract void Add(long center, double[] nearest);

    /// <summary>The nearest center of each row, and the squared distance from it.</summary>
    /// <param name="centers">float64 [k, D].</param>
    public abstract (int[] Assigned, double[] Squared) Assign(Tensor centers);
}
