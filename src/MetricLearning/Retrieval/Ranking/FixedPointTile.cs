using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetricLearning;

/// <summary>A tile of 12 × 32 sums of products of 16-bit integers, in vectors of 512 bits. All sums stay in registers.</summary>
/// <remarks>Each integer that is loaded is multiplied with twice as many others as in a tile of 12 × 16. So fewer integers come from the
/// second cache, and the time depends less on what else uses it.</remarks>
internal static unsafe class FixedPointTile
{
    /// <summary>The rows on the left, and on the right.</summary>
    public const int Rows = FixedPoint.MostStrips * FixedPoint.Strip, Columns = 2 * FixedPoint.Panel;

    /// <summary>Computes the sums as integers, and writes them in float32 or adds them to the existing numbers. No sum, nor any part of
    /// one, may exceed int32.</summary>
    /// <param name="strip">The first strip: <see cref="FixedPoint.Strip"/> rows on the left, interleaved by pairs.</param>
    /// <param name="below">The second strip.</param>
    /// <param name="panel">The first panel: <see cref="FixedPoint.Panel"/> rows on the right, interleaved by pairs.</param>
    /// <param name="beside">The second panel.</param>
    /// <param name="pairs">Pairs of places of a row.</param>
    /// <param name="tile">The first number of the tile.</param>
    /// <param name="stride">The number of elements from one row of the tile to the next.</param>
    /// <param name="first">Whether the tile is written; if not, the sums are added.</param>
    [MethodImpl(TileProduct.RegisterTile)]
    public static void Add(int* strip, int* below, int* panel, int* beside, int pairs, float* tile, long stride, bool first)
    {
        Vector512<int> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default;
        Vector512<int> d0 = default, d1 = default, e0 = default, e1 = default, f0 = default, f1 = default;
        Vector512<int> g0 = default, g1 = default, h0 = default, h1 = default, i0 = default, i1 = default;
        Vector512<int> j0 = default, j1 = default, k0 = default, k1 = default, l0 = default, l1 = default;
        for (; pairs > 0; pairs--, strip += FixedPoint.Strip, below += FixedPoint.Strip, panel += FixedPoint.Panel,
            beside += FixedPoint.Panel)
        {
            var (y0, y1) = (Vector512.Load(panel).AsInt16(), Vector512.Load(beside).AsInt16());
            var x = Vector512.Create(strip[0]).AsInt16();
            a0 += Products(x, y0);
            a1 += Products(x, y1);
            x = Vector512.Create(strip[1]).AsInt16();
            b0 += Products(x, y0);
            b1 += Products(x, y1);
            x = Vector512.Create(strip[2]).AsInt16();
            c0 += Products(x, y0);
            c1 += Products(x, y1);
            x = Vector512.Create(strip[3]).AsInt16();
            d0 += Products(x, y0);
            d1 += Products(x, y1);
            x = Vector512.Create(strip[4]).AsInt16();
            e0 += Products(x, y0);
            e1 += Products(x, y1);
            x = Vector512.Create(strip[5]).AsInt16();
            f0 += Products(x, y0);
            f1 += Products(x, y1);
            x = Vector512.Create(below[0]).AsInt16();
            g0 += Products(x, y0);
            g1 += Products(x, y1);
            x = Vector512.Create(below[1]).AsInt16();
            h0 += Products(x, y0);
            h1 += Products(x, y1);
            x = Vector512.Create(below[2]).AsInt16();
            i0 += Products(x, y0);
            i1 += Products(x, y1);
            x = Vector512.Create(below[3]).AsInt16();
            j0 += Products(x, y0);
            j1 += Products(x, y1);
            x = Vector512.Create(below[4]).AsInt16();
            k0 += Products(x, y0);
            k1 += Products(x, y1);
            x = Vector512.Create(below[5]).AsInt16();
            l0 += Products(x, y0);
            l1 += Products(x, y1);
        }
        Store(a0, a1, tile, first);
        Store(b0, b1, tile += stride, first);
        Store(c0, c1, tile += stride, first);
        Store(d0, d1, tile += stride, first);
        Store(e0, e1, tile += stride, first);
        Store(f0, f1, tile += stride, first);
        Store(g0, g1, tile += stride, first);
        Store(h0, h1, tile += stride, first);
        Store(i0, i1, tile += stride, first);
        Store(j0, j1, tile += stride, first);
        Store(k0, k1, tile += stride, first);
        Store(l0, l1, tile + stride, first);
    }

    /// <summary>The products of two pairs of integers, added, in each place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Products(Vector512<short> x, Vector512<short> y) =>
        Avx512BW.IsSupported ? Avx512BW.MultiplyAddAdjacent(x, y)
            : Vector512.Create(Avx2.MultiplyAddAdjacent(x.GetLower(), y.GetLower()),
                Avx2.MultiplyAddAdjacent(x.GetUpper(), y.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> x, Vector512<int> y, float* tile, bool first)
    {
        var (low, high) = (Vector512.ConvertToSingle(x), Vector512.ConvertToSingle(y));
        if (!first)
        {
            low += Vector512.Load(tile);
            high += Vector512.Load(tile + FixedPoint.Panel);
        }
        low.Store(tile);
        high.Store(tile + FixedPoint.Panel);
    }
}
