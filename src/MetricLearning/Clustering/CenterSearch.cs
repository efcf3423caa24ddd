using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Finds the nearest center of each row, for one run of k-means.</summary>
/// <param name="rows">float64 [N, D].</param>
internal abstract class CenterSearch(Tensor rows)
{
    /// <summary>The rows.</summary>
    protected Tensor Rows => rows;

    /// <summary>Creates a search for rows whose mean is 0. It is a <see cref="SievedCenterSearch"/> for all rows that this class supports,
    /// and otherwise a <see cref="TensorCenterSearch"/>.</summary>
    /// <param name="rows">float64 [N, D].</param>
    /// <param name="clusters">The number of centers.</param>
    public static CenterSearch Of(Tensor rows, int clusters) =>
        SievedCenterSearch.Supports(rows, clusters) ? new SievedCenterSearch(rows) : new TensorCenterSearch(rows);

    /// <summary>Adds a center: lowers the squared distance of each row that the new center is nearest to.</summary>
    /// <param name="center">The number of the row that becomes a center.</param>
    /// <param name="nearest">The squared distances from the nearest center so far.</param>
    public abstract void Add(long center, double[] nearest);

    /// <summary>The nearest center of each row, and the squared distance from it.</summary>
    /// <param name="centers">float64 [k, D].</param>
    public abstract (int[] Assigned, double[] Squared) Assign(Tensor centers);
}
