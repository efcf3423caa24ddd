using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetricLearning.Search;

/// <summary>Products of queries and rows of 8-bit integers, by an instruction that multiplies and adds 32 of them at once (AVX-VNNI,
/// <c>vpdpbusd</c>). They take half the time of the products of 16-bit integers.</summary>
/// <remarks>
/// The instruction multiplies unsigned with signed bytes. So a panel holds <c>i + 128</c> in place of the integer i of a row, and the sum
/// of a query starts at <c>−128 Σ j</c>. A sum of products is at most <c>127² · 65,536 &lt; 2³¹</c>. Sums in between may exceed int32, but
/// the instruction computes modulo 2³², so the final sum is exact.
/// </remarks>
internal static unsafe class ByteProduct
{
    /// <summary>The number of integers of a row that lie side by side.</summary>
    public const int Quad = 4;

    /// <summary>The largest absolute value of an integer.</summary>
    public const int LargestInteger = sbyte.MaxValue;

    private const int Strip = Sieve.Strip, Panel = Sieve.Panel;

    /// <summary>Whether the processor has the instruction.</summary>
    // .NET 8 calls the class a preview. It is unchanged in later versions.
#pragma warning disable CA2252
    public static bool IsSupported => AvxVnni.IsSupported;

    /// <summary>The number of 32-bit integers of a strip: the start of each sum, and then the queries by quads.</summary>
    /// <param name="padded">The integers in a row, a multiple of 16.</param>
    public static int StripLength(int padded) => Strip * (1 + padded / Quad);

    /// <summary>Writes the integers of a query into a strip.</summary>
    /// <param name="query">The integers.</param>
    /// <param name="strip">The strip.</param>
    /// <param name="place">The place of the query in the strip.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Write(ReadOnlySpan<sbyte> query, int* strip, int place)
    {
        var sum = 0;
        foreach (var integer in query) sum += integer;
        strip[place] = -128 * sum;
        var quads = MemoryMarshal.Cast<sbyte, int>(query);
        for (var i = 0; i < quads.Length; i++) strip[Strip * (1 + i) + place] = quads[i];
    }

    /// <summary>Writes a panel of rows by quads: the first quad of each row, then the second, and so on.</summary>
    /// <param name="rows">The addresses of the rows.</param>
    /// <param name="padded">The integers in a row, a multiple of 16.</param>
    /// <param name="working">Memory for the rows one after the other.</param>
    /// <param name="panel">Memory for the quads.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(long* rows, int padded, byte* working, int* panel)
    {
        var sign = Vector128.Create((byte)128);
        for (var row = 0; row < Panel; row++)
        {
            var from = (byte*)rows[row];
            var to = working + (long)row * padded;
            for (var i = 0; i < padded; i += 16) (Vector128.Load(from + i) ^ sign).Store(to + i);
        }
        // The quads are moved as numbers of the same size. No arithmetic is done with them.
        Transpose.Write((float*)working, padded / Quad, Panel, padded / Quad, (float*)panel, Panel);
    }

    /// <summary>Computes the sums of products of a strip and a panel, [6, 16].</summary>
    /// <param name="strip">The queries.</param>
    /// <param name="panel">The rows.</param>
    /// <param name="quads">The number of quads of a row.</param>
    /// <param name="sums">Memory for 96 integers, overwritten.</param>
    [MethodImpl(TileProduct.RegisterTile)]
    public static void Sums(int* strip, int* panel, int quads, int* sums)
    {
        var (c00, c10, c20) = (Vector256.Create(strip[0]), Vector256.Create(strip[1]), Vector256.Create(strip[2]));
        var (c30, c40, c50) = (Vector256.Create(strip[3]), Vector256.Create(strip[4]), Vector256.Create(strip[5]));
        var (c01, c11, c21, c31, c41, c51) = (c00, c10, c20, c30, c40, c50);
        strip += Strip;
        for (; quads > 0; quads--, strip += Strip, panel += Panel)
        {
            var (b0, b1) = (Vector256.Load(panel).AsByte(), Vector256.Load(panel + 8).AsByte());
            var a = Vector256.Create(strip[0]).AsSByte();
            c00 = AvxVnni.MultiplyWideningAndAdd(c00, b0, a);
            c01 = AvxVnni.MultiplyWideningAndAdd(c01, b1, a);
            a = Vector256.Create(strip[1]).AsSByte();
            c10 = AvxVnni.MultiplyWideningAndAdd(c10, b0, a);
            c11 = AvxVnni.MultiplyWideningAndAdd(c11, b1, a);
            a = Vector256.Create(strip[2]).AsSByte();
            c20 = AvxVnni.MultiplyWideningAndAdd(c20, b0, a);
            c21 = AvxVnni.MultiplyWideningAndAdd(c21, b1, a);
            a = Vector256.Create(strip[3]).AsSByte();
            c30 = AvxVnni.MultiplyWideningAndAdd(c30, b0, a);
            c31 = AvxVnni.MultiplyWideningAndAdd(c31, b1, a);
            a = Vector256.Create(strip[4]).AsSByte();
            c40 = AvxVnni.MultiplyWideningAndAdd(c40, b0, a);
            c41 = AvxVnni.MultiplyWideningAndAdd(c41, b1, a);
            a = Vector256.Create(strip[5]).AsSByte();
            c50 = AvxVnni.MultiplyWideningAndAdd(c50, b0, a);
            c51 = AvxVnni.MultiplyWideningAndAdd(c51, b1, a);
        }
        FixedPoint.Store(c00, c01, sums);
        FixedPoint.Store(c10, c11, sums + Panel);
        FixedPoint.Store(c20, c21, sums + 2 * Panel);
        FixedPoint.Store(c30, c31, sums + 3 * Panel);
        FixedPoint.Store(c40, c41, sums + 4 * Panel);
        FixedPoint.Store(c50, c51, sums + 5 * Panel);
    }
#pragma warning restore CA2252
}
