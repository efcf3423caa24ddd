using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetricLearning;

/// <summary>Products of all pairs of rows of a small batch, read as they lie in memory. For so few rows, packing them for
/// <see cref="TileProduct"/> takes longer than the products.</summary>
/// <remarks>
/// Entry k of a row is added to sum <c>k mod 16</c>, in ascending order, and the 16 sums are added at the end. So the bits of a product
/// depend on the two rows alone, neither on their places nor on the size of the vectors, and equal rows have equal products.
/// </remarks>
internal static unsafe class RowProducts
{
    /// <summary>The largest batch for which this is faster than <see cref="TileProduct"/>.</summary>
    public const int MostRows = 128;

    /// <summary>A row is followed by zeros up to a multiple of this length.</summary>
    public const int Lanes = 16;

    /// <summary>The least number of rows.</summary>
    public const int LeastRows = Side;

    /// <summary>Rows of a block in vectors of 512 bits; in vectors of 256 bits it is half of this.</summary>
    private const int Side = 4;

    /// <summary>Multiplies each row with each row.</summary>
    /// <param name="rows">[count, width].</param>
    /// <param name="count">The number of rows, at least <see cref="LeastRows"/>.</param>
    /// <param name="width">The length of a row, a multiple of <see cref="Lanes"/>.</param>
    /// <param name="products">[count, count], overwritten; symmetric.</param>
    /// <param name="wide">Whether to use all registers of a processor with vectors of 512 bits.</param>
    public static void Multiply(float* rows, int count, int width, float* products, bool wide)
    {
        var side = wide ? Side : Side / 2;
        Threads.For((count + side - 1) / side, block => MultiplyBlocks(block * side, rows, count, width, products, wide),
            work: (long)count * count / 2 * width);
    }

    /// <summary>Multiplies the rows of one block with themselves and with all later rows.</summary>
    private static void MultiplyBlocks(int start, float* rows, int count, int width, float* products, bool wide)
    {
        var side = wide ? Side : Side / 2;
        var block = stackalloc float[Side * Side];
        for (var next = start; next < count; next += side)
        {
            // The last block ends at the last row, so it may repeat products of the block before it, with the same bits.
            var (i, j) = (Math.Min(start, count - side), Math.Min(next, count - side));
            float* x = rows + (long)i * width, y = rows + (long)j * width;
            if (wide) MultiplyFour(x, y, width, block);
            else MultiplyTwo(x, y, width, block);
            for (var r = 0; r < side; r++)
                for (var c = 0; c < side; c++)
                    products[(i + r) * count + j + c] = products[(j + c) * count + i + r] = block[r * side + c];
        }
    }

    /// <summary>Multiplies 4 rows with 4 rows; the 16 vectors of sums stay in registers.</summary>
    [MethodImpl(TileProduct.RegisterTile)]
    private static void MultiplyFour(float* x, float* y, int width, float* block)
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        for (var end = x + width; x < end; x += Lanes, y += Lanes)
        {
            var (r0, r1, r2, r3) = (Vector512.Load(x), Vector512.Load(x + width), Vector512.Load(x + 2 * width),
                Vector512.Load(x + 3 * width));
            var s = Vector512.Load(y);
            a0 = TileProduct.MultiplyAdd(r0, s, a0);
            b0 = TileProduct.MultiplyAdd(r1, s, b0);
            c0 = TileProduct.MultiplyAdd(r2, s, c0);
            d0 = TileProduct.MultiplyAdd(r3, s, d0);
            s = Vector512.Load(y + width);
            a1 = TileProduct.MultiplyAdd(r0, s, a1);
            b1 = TileProduct.MultiplyAdd(r1, s, b1);
            c1 = TileProduct.MultiplyAdd(r2, s, c1);
            d1 = TileProduct.MultiplyAdd(r3, s, d1);
            s = Vector512.Load(y + 2 * width);
            a2 = TileProduct.MultiplyAdd(r0, s, a2);
            b2 = TileProduct.MultiplyAdd(r1, s, b2);
            c2 = TileProduct.MultiplyAdd(r2, s, c2);
            d2 = TileProduct.MultiplyAdd(r3, s, d2);
            s = Vector512.Load(y + 3 * width);
            a3 = TileProduct.MultiplyAdd(r0, s, a3);
            b3 = TileProduct.MultiplyAdd(r1, s, b3);
            c3 = TileProduct.MultiplyAdd(r2, s, c3);
            d3 = TileProduct.MultiplyAdd(r3, s, d3);
        }
        (block[0], block[1], block[2], block[3]) = (Sum(a0), Sum(a1), Sum(a2), Sum(a3));
        (block[4], block[5], block[6], block[7]) = (Sum(b0), Sum(b1), Sum(b2), Sum(b3));
        (block[8], block[9], block[10], block[11]) = (Sum(c0), Sum(c1), Sum(c2), Sum(c3));
        (block[12], block[13], block[14], block[15]) = (Sum(d0), Sum(d1), Sum(d2), Sum(d3));
    }

    /// <summary>Multiplies 2 rows with 2 rows, in vectors of 256 bits.</summary>
    [MethodImpl(TileProduct.RegisterTile)]
    private static void MultiplyTwo(float* x, float* y, int width, float* block)
    {
        const int half = Lanes / 2;
        Vector256<float> a0 = default, a1 = default, b0 = default, b1 = default;      // entries 0 to 7 of 16
        Vector256<float> c0 = default, c1 = default, d0 = default, d1 = default;      // entries 8 to 15
        for (var end = x + width; x < end; x += Lanes, y += Lanes)
        {
            var (r0, r1) = (Vector256.Load(x), Vector256.Load(x + width));
            var s = Vector256.Load(y);
            a0 = TileProduct.MultiplyAdd(r0, s, a0);
            b0 = TileProduct.MultiplyAdd(r1, s, b0);
            s = Vector256.Load(y + width);
            a1 = TileProduct.MultiplyAdd(r0, s, a1);
            b1 = TileProduct.MultiplyAdd(r1, s, b1);
            (r0, r1) = (Vector256.Load(x + half), Vector256.Load(x + width + half));
            s = Vector256.Load(y + half);
            c0 = TileProduct.MultiplyAdd(r0, s, c0);
            d0 = TileProduct.MultiplyAdd(r1, s, d0);
            s = Vector256.Load(y + width + half);
            c1 = TileProduct.MultiplyAdd(r0, s, c1);
            d1 = TileProduct.MultiplyAdd(r1, s, d1);
        }
        (block[0], block[1], block[2], block[3]) = (Sum(a0 + c0), Sum(a1 + c1), Sum(b0 + d0), Sum(b1 + d1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(Vector512<float> sums) => Sum(sums.GetLower() + sums.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(Vector256<float> sums)
    {
        var four = sums.GetLower() + sums.GetUpper();
        return four.GetElement(0) + four.GetElement(2) + (four.GetElement(1) + four.GetElement(3));
    }
}
