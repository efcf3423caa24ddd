using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Finds the nearest centers by float64 matrix products on any device, some rows at a time.</summary>
/// <param name="rows">float64 [N, D].</param>
internal sealed class TensorCenterSearch(Tensor rows) : CenterSearch(rows)
{
    private const long TileNumbers = 4L << 20;

    /// <inheritdoc/>
    public override void Add(long center, double[] nearest)
    {
        using var scope = NewDisposeScope();
        var start = Rows[center];
        var step = Math.Max(1, TileNumbers / Rows.size(1));
        for (long row = 0; row < Rows.size(0); row += step)
        {
            using var tile = NewDisposeScope();
            var difference = Rows.narrow(0, row, Math.Min(step, Rows.size(0) - row)) - start;
            var squares = TensorMemory.Copy<double>(difference.mul_(difference).sum(1));
            for (var i = 0; i < squares.Length; i++) nearest[row + i] = Math.Min(nearest[row + i], squares[i]);
        }
    }

    /// <inheritdoc/>
    public override (int[] Assigned, double[] Squared) Assign(Tensor centers)
    {
        using var scope = NewDisposeScope();
        var (assigned, squared) = (new int[Rows.size(0)], new double[Rows.size(0)]);
        var norms = (centers * centers).sum(1);
        var step = Math.Max(1, TileNumbers / Math.Max(Rows.size(1), centers.size(0)));
        for (long row = 0; row < Rows.size(0); row += step)
        {
            using var tile = NewDisposeScope();
            var part = Rows.narrow(0, row, Math.Min(step, Rows.size(0) - row));
            var product = part.matmul(centers.t());
            var choice = (norms - product - product).argmin(1);
            var difference = part - centers.index_select(0, choice);
            var places = TensorMemory.Copy<long>(choice);
            for (var i = 0; i < places.Length; i++) assigned[row + i] = (int)places[i];
            TensorMemory.Copy<double>(difference.mul_(difference).sum(1)).CopyTo(squared, (int)row);
        }
        return (assigned, squared);
    }
}
