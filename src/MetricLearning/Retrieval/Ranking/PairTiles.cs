using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Tiles whose integers are multiplied in pairs (<see cref="FixedPoint"/>).</summary>
internal sealed unsafe class PairTiles(FixedPointRows queries, FixedPointRows gallery, bool squared, int width)
    : FixedPointTiles(queries, gallery, squared)
{
    private const int WorkRows = 32 * FixedPoint.Strip, WorkColumns = 8 * FixedPoint.Panel;     // fit into a core's caches

    private nint strips, panels;

    /// <summary>Bytes of working memory for a tile, without the tile itself.</summary>
    public static long Bytes(int queries, int rows, int width) =>
        (queries + FixedPoint.Strip + rows + FixedPoint.Panel) * (2L * width + 8);

    protected override void Prepare(int query, int rows)
    {
        strips = Memory(Whole(Count, FixedPoint.Strip) * (long)width, ScalarType.Int16);
        panels = Memory(Whole(rows, FixedPoint.Panel) * (long)width, ScalarType.Int16);
        Queries.Write(query, Count, FixedPoint.Strip, strips);
    }

    protected override void Multiply(int row, int rows, float* scores)
    {
        Gallery.Write(row, rows, FixedPoint.Panel, panels);
        var across = (rows + WorkColumns - 1) / WorkColumns;
        Threads.For((Count + WorkRows - 1) / WorkRows * across, piece =>
        {
            var (i, j) = (piece / across * WorkRows, piece % across * WorkColumns);
            FixedPoint.Multiply((int*)strips + (long)i * width / 2, Left + i, Math.Min(WorkRows, Count - i),
                (int*)panels + (long)j * width / 2, Right + j, Offset + j, Math.Min(WorkColumns, rows - j), width,
                scores + (long)i * rows + j, rows);
        });
    }

    private static int Whole(int count, int together) => (count + together - 1) / together * together;
}
