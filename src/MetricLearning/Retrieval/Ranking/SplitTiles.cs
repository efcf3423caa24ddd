using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Tiles whose integers are split into two bytes (<see cref="SplitProduct"/>). A query holds its high bytes and then its low ones;
/// a row of the gallery holds its low bytes and then its high ones. So one product of whole rows gives <c>Σ (h l' + l h')</c>.</summary>
internal sealed unsafe class SplitTiles(FixedPointRows queries, FixedPointRows gallery, bool squared, int width)
    : FixedPointTiles(queries, gallery, squared)
{
    /// <summary>The number of queries whose sums are kept at once, so that they are still in cache when they are combined.</summary>
    private const int Chunk = 1024;

    private Tensor left = null!, right = null!, high = null!, cross = null!;

    /// <summary>Bytes of working memory for a tile, without the tile itself.</summary>
    public static long Bytes(int queries, int rows, int width) =>
        (queries + rows) * (2L * width + 8) + 8L * Math.Min(Chunk, queries) * rows;

    protected override void Prepare(int query, int rows)
    {
        left = empty(Count, 2 * width, ScalarType.Int8);
        right = empty(rows, 2 * width, ScalarType.Int8);
        (high, cross) = (Sums(), Sums());
        var bytes = (nint)TensorMemory.Of(left);
        Queries.Split(query, Count, bytes, bytes + width, 2 * width);

        Tensor Sums() => empty(Math.Min(Chunk, Count) * (long)rows, ScalarType.Int32);
    }

    protected override void Multiply(int row, int rows, float* scores)
    {
        var bytes = (nint)TensorMemory.Of(right);
        Gallery.Split(row, rows, bytes + width, bytes, 2 * width);
        var columns = right.narrow(0, 0, rows).t();
        for (var start = 0; start < Count; start += Chunk)
        {
            var count = Math.Min(Chunk, Count - start);
            var chunk = left.narrow(0, start, count);
            var (ofHigh, ofBoth) = (Of(high), Of(cross));
            SplitProduct.Multiply(chunk.narrow(1, 0, width), columns.narrow(0, width, width), ofHigh);
            SplitProduct.Multiply(chunk, columns, ofBoth);
            var (h, c, first, target) = ((nint)TensorMemory.Of(ofHigh), (nint)TensorMemory.Of(ofBoth), start, (nint)scores);
            Threads.For(count, i => Combine((int*)h + (long)i * rows, (int*)c + (long)i * rows, 256 * Left[first + i], Right, Offset, rows,
                (float*)target + (long)(first + i) * rows));

            Tensor Of(Tensor sums) => sums.narrow(0, 0, count * (long)rows).view(count, rows);
        }
    }

    /// <summary>Writes <c>offset − left · right · (256 high + cross)</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Combine(int* high, int* cross, float left, float* right, float* offset, int count, float* scores)
    {
        var factor = Vector256.Create(-left);
        var j = 0;
        for (; j <= count - Vector256<float>.Count; j += Vector256<float>.Count)
        {
            var sum = TileProduct.MultiplyAdd(Vector256.ConvertToSingle(Vector256.Load(high + j)), Vector256.Create(256f),
                Vector256.ConvertToSingle(Vector256.Load(cross + j)));
            TileProduct.MultiplyAdd(sum * factor, Vector256.Load(right + j), Vector256.Load(offset + j)).Store(scores + j);
        }
        for (; j < count; j++) scores[j] = offset[j] - (256f * high[j] + cross[j]) * left * right[j];
    }
}
