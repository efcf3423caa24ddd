using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetricLearning.Search;

/// <summary>Computes products of 16-bit queries with 8-bit rows, and the bound that says which rows may be among the nearest.</summary>
/// <remarks>
/// <para>The score S is larger for a nearer row: the cosine, the dot product, or the negative square of the Euclidean distance, as
/// <see cref="RowShape.Score"/> computes it. Let x be a row, q a query, f the factor that gives them length 1 for the cosine (else f = 1),
/// c the center, <c>z = f x − c</c> and <c>p = f q − c</c>. Then S is, before roundings,</para>
/// <code>
/// cosine, dot:  f q · f x = p·z + c·z + f q·c,     w = 1, A = c·z,    B = f q·c
/// Euclidean:    −‖p − z‖² = 2 p·z − ‖z‖² − ‖p‖²,   w = 2, A = −‖z‖²,  B = −‖p‖²
/// </code>
/// <para>so that <c>S = w p·z + A + B</c>. A belongs to the row and B to the query. With the integers i and j, the scales s and t, and the
/// residuals e and d, <c>z = s i + e</c> and <c>p = t j + d</c>,</para>
/// <code>
/// p·z = p·(s i) + p·e = s t i·j + d·(s i) + p·e
/// |p·z − s t i·j| ≤ ‖d‖ ‖s i‖ + ‖p‖ ‖e‖            (Cauchy and Schwarz)
/// </code>
/// <para>So S lies within <c>E = w ‖p‖ ‖e‖ + w ‖d‖ max ‖s i‖ + ρ</c> of <c>w s t i·j + A + B</c>. The residual ‖e‖ is stored for each row,
/// rounded up; the maximum is over the rows of the chunks that a search has come to.</para>
/// <para>The sums of integers are exact. Every |i| is at most 127, so ‖i‖ ≤ 127 √D. The scale t is so large that
/// <c>‖i‖ ‖j‖ &lt; 2³¹</c>. So no sum of products, nor any part of one, exceeds int32 (Cauchy and Schwarz again).</para>
/// <para>j has 16 bits, or 8 bits where <see cref="QueryBlock"/> uses <see cref="ByteProduct"/>. The formulas hold for both; only t, j and
/// d differ. An 8-bit integer j' stands for <c>f j'</c> of the 16-bit integers. So <c>t' = t f</c>, and
/// <c>‖d'‖ ≤ ‖d‖ + t ‖j − f j'‖</c>.</para>
/// <para>ρ bounds the rounding errors of float64, with unit u = 2⁻⁵³. Let ℓ be the length ‖p‖ or ‖z‖ for the Euclidean distance, else <c>‖f
/// x‖ + ‖c‖</c>. The exact score, A, B and the norms are sums of D products, each off by at most <c>(D + 3) u</c> times the product of two
/// such lengths; z and p are off by at most <c>(D + 5) u ℓ</c> for the cosine, whose f is rounded, and by <c>u ℓ</c> else; some ten
/// operations follow. Together this is at most <c>16 (D + 8) u ℓ ℓ'</c>, and <c>4 ℓ ℓ' ≤ (ℓ + ℓ')²</c>; ρ = <c>8 (D + 32) u (ℓ + ℓ')²</c>
/// is twice as much. No product of two float32 numbers underflows or overflows in float64. The exact score of a cosine is put back into
/// [−1, 1] at the end. So is the cosine before roundings, which is in the same interval of ± E: no score leaves the interval.</para>
/// <para><see cref="Pass"/> decides in float32, with unit v = 2⁻²⁴, and lets a few rows pass that the bound rules out. Rounding to the
/// nearest integer gives <c>‖s i‖ ≤ 2 ‖z‖</c> and <c>‖t j‖ ≤ 2 ‖p‖</c>. With L = ℓ + ℓ' this means <c>|A| ≤ L²</c>,
/// <c>|w s t i·j| ≤ 2 L²</c> and <c>w ‖p‖ ‖e‖ ≤ L²</c>. These numbers go through three, six and three roundings, so the sum is off by at
/// most 18 v L². The least score is lowered by 32 v L², and by 2 v of itself for its own rounding. Outside of 2⁻⁴⁰ &lt; L &lt; 2⁵⁰, where
/// float32 could underflow or overflow, every row passes.</para>
/// </remarks>
internal static unsafe class Sieve
{
    /// <summary>The number of rows that are compared together.</summary>
    public const int Panel = FixedPoint.Panel;

    /// <summary>The number of queries whose integers are interleaved.</summary>
    public const int Strip = FixedPoint.Strip;

    /// <summary>The largest number of queries that are compared together with a panel.</summary>
    public const int Together = FixedPoint.MostStrips * Strip;

    private const double Unit = 1.0 / (1L << 53), SingleUnit = 1.0 / (1 << 24);
    private const double ShortestLengths = 1.0 / (1L << 40), LongestLengths = 1L << 50;

    /// <summary>How many bytes ahead a row is fetched from memory. The processor's own prefetching is 7 % slower.</summary>
    private const int Ahead = 4096;

    /// <summary>Computes ρ for the sum of both lengths.</summary>
    public static double Rounding(int padded, double lengths) => 8 * (padded + 32) * Unit * lengths * lengths;

    /// <summary>Computes the sums <c>Σ iₖ jₖ</c> of one query with a panel of rows.</summary>
    /// <param name="rows">The addresses of the rows.</param>
    /// <param name="query">The integers of the query.</param>
    /// <param name="padded">The integers in a row, a multiple of 16.</param>
    /// <param name="sums">Memory for a panel of sums.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sums(long* rows, short* query, int padded, int* sums)
    {
        // Each row is read to its end before the next. Several rows side by side would take 1.6 times as long, because the processor would
        // not recognize the order in which memory is read.
        var ahead = rows[Panel - 1] - rows[0] == (Panel - 1L) * padded ? Ahead : 0;
        for (var row = 0; row < Panel; row++)
            sums[row] = Sum((sbyte*)rows[row], query, padded, ahead);
    }

    /// <summary>Computes the sum <c>Σ iₖ jₖ</c> of one query with one row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="query">The integers of the query.</param>
    /// <param name="padded">The integers in a row, a multiple of 16.</param>
    /// <param name="ahead">How many bytes ahead the row's memory is fetched.</param>
    public static int Sum(sbyte* row, short* query, int padded, int ahead = 0) =>
        Avx2.IsSupported ? WideSum(row, query, padded, ahead) : PlainSum(row, query, padded);

    /// <summary>Writes a panel of rows as pairs of 16-bit integers, for <see cref="FixedPoint.Sums"/>.</summary>
    /// <param name="rows">The addresses of the rows.</param>
    /// <param name="padded">The integers in a row, a multiple of 16.</param>
    /// <param name="wide">Memory for the rows one after the other.</param>
    /// <param name="panel">Memory for the pairs: the first of each row, then the second, and so on.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(long* rows, int padded, short* wide, int* panel)
    {
        for (var row = 0; row < Panel; row++)
        {
            var from = (sbyte*)rows[row];
            var to = wide + (long)row * padded;
            for (var i = 0; i < padded; i += 16) Avx2.ConvertToVector256Int16(from + i).Store(to + i);
        }
        // The pairs are moved as numbers of the same size. No arithmetic is done with them.
        Transpose.Write((float*)wide, padded / 2, Panel, padded / 2, (float*)panel, Panel);
    }

    /// <summary>Finds the rows of a panel whose score may be at least <paramref name="least"/>: those with
    /// <c>A + weight · s · sum + reach · ‖e‖ ≥ least</c>, and perhaps a few others; one bit per row.</summary>
    /// <param name="sums">The sums of a query with the rows.</param>
    /// <param name="panel">The numbers of the rows.</param>
    /// <param name="weight">w t of the query.</param>
    /// <param name="reach">w ‖p‖ of the query.</param>
    /// <param name="least">The least score, minus the query's B and minus the parts of E that all rows share.</param>
    /// <param name="lengths">L.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint Pass(int* sums, PanelNumbers* panel, double weight, double reach, double least, double lengths)
    {
        if (!(lengths > ShortestLengths && lengths < LongestLengths)) return (1u << Panel) - 1;
        var lowered = least - 32 * SingleUnit * lengths * lengths - 2 * SingleUnit * Math.Abs(least);
        var (w, r, bound) = (Vector256.Create((float)weight), Vector256.Create((float)reach), Vector256.Create((float)lowered));
        var below = 0u;
        for (var i = 0; i < Panel; i += 8)
        {
            var most = Vector256.Load(panel->Offsets + i)
                + w * Vector256.Load(panel->Scales + i) * Vector256.ConvertToSingle(Vector256.Load(sums + i))
                + r * Vector256.Load(panel->Residuals + i);
            below |= Vector256.LessThan(most, bound).ExtractMostSignificantBits() << i;
        }
        return ~below;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int WideSum(sbyte* row, short* query, int padded, int ahead)
    {
        Vector256<int> s0 = default, s1 = default, s2 = default, s3 = default;
        var i = 0;
        for (; i <= padded - Prefetch.CacheLine; i += Prefetch.CacheLine)
        {
            Sse.Prefetch0(row + i + ahead);
            s0 += Products(row + i, query + i);
            s1 += Products(row + i + 16, query + i + 16);
            s2 += Products(row + i + 32, query + i + 32);
            s3 += Products(row + i + 48, query + i + 48);
        }
        for (; i < padded; i += 16) s0 += Products(row + i, query + i);
        return Vector256.Sum(s0 + s1 + (s2 + s3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Products(sbyte* row, short* query) =>
        Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(row), Vector256.Load(query));

    /// <summary>Computes the sum of one row on processors without AVX2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int PlainSum(sbyte* row, short* query, int padded)
    {
        var sum = Vector128<int>.Zero;
        for (var i = 0; i < padded; i += 8)
        {
            var (wide, q) = (Vector128.WidenLower(Vector128.CreateScalar(*(long*)(row + i)).AsSByte()), Vector128.Load(query + i));
            sum += Vector128.WidenLower(wide) * Vector128.WidenLower(q) + Vector128.WidenUpper(wide) * Vector128.WidenUpper(q);
        }
        return Vector128.Sum(sum);
    }
}

/// <summary>The numbers of each row of a panel that <see cref="Sieve.Pass"/> needs.</summary>
internal unsafe struct PanelNumbers
{
    /// <summary>s.</summary>
    public fixed float Scales[Sieve.Panel];

    /// <summary>At least ‖e‖.</summary>
    public fixed float Residuals[Sieve.Panel];

    /// <summary>A, rounded.</summary>
    public fixed float Offsets[Sieve.Panel];
}
