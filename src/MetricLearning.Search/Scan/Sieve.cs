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
/// <para>ρ bounds the rounding errors of float64, with unit u = 2⁻⁵³. Let ℓ be the length ‖p‖ or ‖z‖ for the Euclidean distance, else <c>‖f
/// x‖ + ‖c‖</c>. The exact score, A, B and the norms are sums of D products, each off by at most <c>(D + 3) u</c> times the product of two
/// such lengths; z and p are off by at most <c>(D + 5) u ℓ</c> for the cosine, whose f is rounded, and by <c>u ℓ</c> else; some ten
/// operations follow. Together this is at most <c>16 (D + 8) u ℓ ℓ'</c>, and <c>4 ℓ ℓ' ≤ (ℓ + ℓ')²</c>; ρ = <c>8 (D + 32) u (ℓ + ℓ')²</c>
/// is twice as much. No product of two float32 numbers underflows or overflows in float64.</para>
/// </remarks>
internal static unsafe class Sieve
{
    /// <summary>The number of rows that are compared together.</summary>
    public const int Panel = FixedPoint.Panel;

    /// <summary>The number of queries whose integers are interleaved.</summary>
    public const int Strip = FixedPoint.Strip;

    /// <summary>The largest number of queries that are compared together with a panel.</summary>
    public const int Together = FixedPoint.MostStrips * Strip;

    private const int HalfPanel = Panel / 2;
    private const double Unit = 1.0 / (1L << 53);

    /// <summary>Computes ρ for the sum of both lengths.</summary>
    public static double Rounding(int padded, double lengths) => 8 * (padded + 32) * Unit * lengths * lengths;

    /// <summary>Computes the sums <c>Σ iₖ jₖ</c> of one query with a panel of rows.</summary>
    /// <param name="rows">The addresses of the rows.</param>
    /// <param name="query">The integers of the query.</param>
    /// <param name="padded">The integers in a row, a multiple of 16.</param>
    /// <param name="sums">Memory for a panel of sums.</param>
    public static void Sums(long* rows, short* query, int padded, int* sums)
    {
        if (Avx2.IsSupported)
        {
            HalfOfSums(rows, query, padded).Store(sums);
            HalfOfSums(rows + HalfPanel, query, padded).Store(sums + HalfPanel);
        }
        else
            for (var row = 0; row < Panel; row++) sums[row] = Sum((sbyte*)rows[row], query, padded);
    }

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
    /// <c>A + weight · s · sum + reach · ‖e‖ ≥ least</c>, one bit per row.</summary>
    /// <param name="sums">The sums of a query with the rows.</param>
    /// <param name="panel">The numbers of the rows.</param>
    /// <param name="weight">w t of the query.</param>
    /// <param name="reach">w ‖p‖ of the query.</param>
    /// <param name="least">The least score, minus the query's B and minus the parts of E that all rows share.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint Pass(int* sums, PanelNumbers* panel, double weight, double reach, double least)
    {
        var (w, r, bound) = (Vector256.Create(weight), Vector256.Create(reach), Vector256.Create(least));
        var below = 0u;
        for (var i = 0; i < Panel; i += 4)
        {
            var most = Vector256.Load(panel->Offsets + i) + w * Vector256.Load(panel->Scales + i) * Widen(sums + i)
                + r * Vector256.Load(panel->Residuals + i);
            below |= Vector256.LessThan(most, bound).ExtractMostSignificantBits() << i;
        }
        return ~below;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Widen(int* sums) => Avx.IsSupported ? Avx.ConvertToVector256Double(Vector128.Load(sums))
        : Vector256.Create((double)sums[0], sums[1], sums[2], sums[3]);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector256<int> HalfOfSums(long* rows, short* query, int padded)
    {
        Vector256<int> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        sbyte* r0 = (sbyte*)rows[0], r1 = (sbyte*)rows[1], r2 = (sbyte*)rows[2], r3 = (sbyte*)rows[3];
        sbyte* r4 = (sbyte*)rows[4], r5 = (sbyte*)rows[5], r6 = (sbyte*)rows[6], r7 = (sbyte*)rows[7];
        for (var i = 0L; i < padded; i += 16)
        {
            var q = Vector256.Load(query + i);
            s0 += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(r0 + i), q);
            s1 += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(r1 + i), q);
            s2 += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(r2 + i), q);
            s3 += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(r3 + i), q);
            s4 += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(r4 + i), q);
            s5 += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(r5 + i), q);
            s6 += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(r6 + i), q);
            s7 += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(r7 + i), q);
        }
        var low = Avx2.HorizontalAdd(Avx2.HorizontalAdd(s0, s1), Avx2.HorizontalAdd(s2, s3));
        var high = Avx2.HorizontalAdd(Avx2.HorizontalAdd(s4, s5), Avx2.HorizontalAdd(s6, s7));
        return Avx2.Permute2x128(low, high, 0x20) + Avx2.Permute2x128(low, high, 0x31);
    }

    /// <summary>Computes the sum of one row on processors without AVX2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Sum(sbyte* row, short* query, int padded)
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

/// <summary>The numbers of each row of a panel that the bound of <see cref="Sieve"/> needs.</summary>
internal unsafe struct PanelNumbers
{
    /// <summary>s.</summary>
    public fixed double Scales[Sieve.Panel];

    /// <summary>At least ‖e‖.</summary>
    public fixed double Residuals[Sieve.Panel];

    /// <summary>A.</summary>
    public fixed double Offsets[Sieve.Panel];
}
