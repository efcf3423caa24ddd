using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Scores that come as whole rows and are exact keys themselves: a given matrix, or a distance of the user's own in
/// float64.</summary>
internal sealed unsafe class RowScores : ScoreSource
{
    private readonly Func<int, int, Tensor> rowsOf;
    private readonly int gallery;
    private readonly string name, shown;
    private Tensor? block;
    private byte* memory;
    private int first;
    private ScalarType tileType;

    /// <param name="rowsOf">Computes the rows from a first one on: the first, and how many.</param>
    /// <param name="gallery">The number of columns.</param>
    /// <param name="type">The type of the keys.</param>
    /// <param name="device">The device of the rows.</param>
    /// <param name="heldBytes">The memory that is held.</param>
    /// <param name="name">The caller's argument that is at fault if a key is not finite.</param>
    /// <param name="shown">What the message calls the keys.</param>
    private RowScores(Func<int, int, Tensor> rowsOf, int gallery, ScalarType type, Device device, long heldBytes, string name,
        string shown)
    {
        (this.rowsOf, this.gallery, this.name, this.shown) = (rowsOf, gallery, name, shown);
        (CountingType, Device, HeldBytes) = (type, device, heldBytes);
    }

    /// <summary>The values of a matrix [Q, G].</summary>
    public static RowScores Of(Tensor distances)
    {
        var type = distances.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        return new RowScores((query, count) => distances.narrow(0, query, count), (int)distances.size(1), type, distances.device,
            heldBytes: 0, nameof(distances), nameof(distances));
    }

    /// <summary>A distance between features, computed in float64 for one block of queries at a time.</summary>
    /// <param name="distance">The distance.</param>
    /// <param name="query">[Q, D].</param>
    /// <param name="gallery">[G, D].</param>
    /// <param name="origin">The argument that the rows come from if they are one matrix; null for queries and a gallery.</param>
    public static RowScores Of(Distance distance, Tensor query, Tensor gallery, RowOrigin? origin)
    {
        var asked = (origin ?? RowOrigin.Query).First;
        Guard.Finite(query, asked, Guard.FeaturesOf(asked));
        if (!ReferenceEquals(query, gallery)) Guard.Finite(gallery, nameof(gallery), Guard.FeaturesOf(nameof(gallery)));
        var wide = gallery.to(ScalarType.Float64);
        return new RowScores((first, count) => distance.Matrix(query.narrow(0, first, count).to(ScalarType.Float64), wide),
            (int)gallery.size(0), ScalarType.Float64, query.device, heldBytes: wide.numel() * 8, asked,
            $"distances by {distance}");
    }

    /// <summary>Distances after re-ranking, for one block of queries at a time.</summary>
    public static RowScores Of(RerankedDistances distances) =>
        new(distances.Rows, distances.Gallery, ScalarType.Float64, CPU, distances.HeldBytes, nameof(distances), nameof(distances));

    public override ScalarType CountingType { get; }
    public override Device Device { get; }
    public override bool WholeRows => true;
    public override long HeldBytes { get; }

    public override long TileBytes(int queries, int rows, ScalarType type) => 3L * 8 * queries * rows;

    public override void Begin(int query, int queries, int rows, ScalarType type)
    {
        block = rowsOf(query, queries).to(CountingType);
        if (!block.isfinite().all().item<bool>())
        {
            using var bad = block.isfinite().logical_not().nonzero();
            var (row, column) = (bad[0, 0].item<long>() + query, bad[0, 1].item<long>());
            var value = block[row - query, column].to(ScalarType.Float64).item<double>();
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"{shown} must be finite, got {value} at row {row}, column {column}."), name);
        }
        memory = TensorMemory.Of(block.cpu().contiguous());
        (first, tileType) = (query, type);
    }

    public override Tensor Tile(int row, int rows) => block!.narrow(1, row, rows).to(tileType, copy: true).contiguous();

    public override double Key(int query, int row)
    {
        var place = (query - first) * (long)gallery + row;
        return CountingType == ScalarType.Float32 ? ((float*)memory)[place] : ((double*)memory)[place];
    }
}
