using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MetricLearning;

/// <summary>Products of rows with rows, one tile at a time, for kernels that use each tile while it is in cache and never hold the whole
/// matrix.</summary>
/// <remarks>
/// Every entry is a sum over the coordinates in ascending order, in parts of <see cref="Depth"/>. Its bits depend on the two rows alone,
/// neither on their places nor on the number of threads, so that equal rows have equal products. The error is that of any dot product of D
/// terms, γ_D Σ|xᵢ yᵢ|. Rows are packed by coordinate: a panel holds a fixed number of rows, first the first coordinate of each row, then
/// the second, and so on.
/// If the processor has vectors of 512 bits, two panels of the left side are multiplied with two of the right side at once. Each entry is
/// added in the same order, so its bits are the same.
/// </remarks>
internal static unsafe class TileProduct
{
    /// <summary>The AppContext switch that overrides the rule of <see cref="IsFast"/>: false uses libtorch's mm everywhere, true uses these
    /// tiles wherever the processor has FMA.</summary>
    public const string Switch = "MetricLearning.TileProduct";

    /// <summary>Rows of a panel of the left side.</summary>
    public const int Left = 6;

    /// <summary>Rows of a panel of the right side.</summary>
    public const int Right = 16;

    /// <summary>The number of coordinates that are summed in registers before the sum is stored.</summary>
    public const int Depth = 256;

    /// <summary>How to compile a method that keeps a tile of sums in registers: with optimization at once, and never as a part of its
    /// caller, where the registers may not suffice.</summary>
    public const MethodImplOptions RegisterTile = MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining;

    private static readonly bool? chosen = AppContext.TryGetSwitch(Switch, out var value) ? value : null;

    /// <summary>Whether mm uses vectors of 512 bits, as oneMKL does on Intel processors that have them.</summary>
    private static readonly bool mmIsWide =
        Avx512F.IsSupported && X86Base.CpuId(0, 0).Ebx == ('G' | 'e' << 8 | 'n' << 16 | 'u' << 24);

    /// <summary>Whether a whole product by tiles is about as fast as libtorch's mm. That holds if the processor has FMA and mm has no
    /// wider vectors than the tiles. The rule is fixed in code and not measured, so that a second run gives the same bits.</summary>
    public static bool IsFast { get; } = Rule(chosen, Fma.IsSupported, mmIsWide && !IsWide);

    /// <summary>Whether mm is so fast that tiles should replace it only where they do half of its work. That holds if it uses vectors of
    /// 512 bits, unless the switch chooses tiles.</summary>
    public static bool MmIsFast { get; } = mmIsWide && chosen != true;

    /// <summary>Whether tiles are computed in vectors of 512 bits. This is true if the processor has them and, as .NET judges, does not
    /// slow down for them.</summary>
    public static bool IsWide => Vector512.IsHardwareAccelerated;

    /// <summary>The rule of <see cref="IsFast"/>.</summary>
    /// <param name="chosen">The value of the switch; null if it is not set.</param>
    /// <param name="fused">Whether the processor has FMA.</param>
    /// <param name="wider">Whether mm uses wider vectors than the tiles.</param>
    public static bool Rule(bool? chosen, bool fused, bool wider) => fused && (chosen ?? !wider);

    /// <summary>Subtracts a mean from the rows and packs them into panels; the last panel is padded with zero rows.</summary>
    /// <param name="rows">The first row; rows are <paramref name="width"/> apart.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="width">The number of coordinates of a row.</param>
    /// <param name="mean">The row that is subtracted.</param>
    /// <param name="panel">Rows of a panel, a multiple of 2.</param>
    /// <param name="packed">Memory for the rows, rounded up to whole panels.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(float* rows, int count, int width, float* mean, int panel, float* packed)
    {
        for (var row = 0; row < count; row += panel, packed += (long)panel * width)
        {
            var present = Math.Min(panel, count - row);
            if (present < panel) new Span<float>(packed, panel * width).Clear();
            for (int i = 0, group; i < present; i += group)
            {
                group = Math.Min(Transpose.Side, panel - i);
                var first = rows + (long)(row + i) * width;
                var from = Avx.IsSupported && present - i >= group ? PackBlocks(first, group, width, mean, panel, packed + i) : 0;
                for (var k = from; k < width; k++)
                    for (var r = 0; r < Math.Min(group, present - i); r++)
                        packed[(long)k * panel + i + r] = first[(long)r * width + k] - mean[k];
            }
        }
    }

    /// <summary>The products of <paramref name="rows"/> packed rows of the left side with <paramref name="columns"/> of the right
    /// side.</summary>
    /// <param name="left">Panels of <see cref="Left"/> rows.</param>
    /// <param name="right">Panels of <see cref="Right"/> rows.</param>
    /// <param name="rows">Rows of the left side; whole panels are computed.</param>
    /// <param name="columns">Rows of the right side; whole panels are computed.</param>
    /// <param name="width">The number of coordinates of a row.</param>
    /// <param name="tile">[rows, stride], overwritten.</param>
    /// <param name="stride">The number of elements from one row of the tile to the next, at least <paramref name="columns"/> in whole
    /// panels.</param>
    public static void Multiply(float* left, float* right, int rows, int columns, int width, float* tile, int stride) =>
        Multiply(left, right, rows, columns, width, tile, stride, IsWide);

    /// <summary>Does the same in vectors of a given size.</summary>
    /// <param name="left">Panels of <see cref="Left"/> rows.</param>
    /// <param name="right">Panels of <see cref="Right"/> rows.</param>
    /// <param name="rows">Rows of the left side; whole panels are computed.</param>
    /// <param name="columns">Rows of the right side; whole panels are computed.</param>
    /// <param name="width">Coordinates of a row.</param>
    /// <param name="tile">[rows, stride], overwritten.</param>
    /// <param name="stride">The number of elements from one row of the tile to the next, at least <paramref name="columns"/> in whole
    /// panels.</param>
    /// <param name="wide">Whether vectors have 512 bits. If not, they have 256. A panel without a second one next to it uses 256.</param>
    public static void Multiply(float* left, float* right, int rows, int columns, int width, float* tile, int stride, bool wide)
    {
        for (var start = 0; start < width; start += Depth)
        {
            var (depth, add) = (Math.Min(Depth, width - start), start > 0);
            for (int j = 0, across; j < columns; j += across * Right)
            {
                across = wide && columns - j > Right ? 2 : 1;
                for (int i = 0, down; i < rows; i += down * Left)
                {
                    down = across == 2 && rows - i > Left ? 2 : 1;
                    float* a = left + (long)i * width + start * Left, b = right + (long)j * width + start * Right;
                    var target = tile + i * stride + j;
                    if (down == 2)
                        MultiplyFourPanels(a, a + Left * (long)width, b, b + Right * (long)width, depth, target, stride, add);
                    else
                        for (var panel = 0; panel < across; panel++)
                            MultiplyPanels(a, b + panel * Right * (long)width, depth, target + panel * Right, stride, add);
                }
            }
        }
    }

    /// <summary>Packs the leading coordinates of up to 8 rows in square blocks, and returns how many. A block of fewer than 8 rows also
    /// writes into the next coordinate, which is written afterwards.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int PackBlocks(float* first, int count, int width, float* mean, int panel, float* packed)
    {
        var block = stackalloc float[Transpose.Side * Transpose.Side];
        var end = count == Transpose.Side ? width : width - 1;
        var k = 0;
        for (; k <= end - Transpose.Side; k += Transpose.Side)
        {
            var center = Vector256.Load(mean + k);
            for (var r = 0; r < count; r++) (Vector256.Load(first + (long)r * width + k) - center).Store(block + r * Transpose.Side);
            Transpose.Block(block, Transpose.Side, packed + (long)k * panel, panel);
        }
        return k;
    }

    /// <summary>Multiplies a panel of 6 rows with a panel of 16 rows; the 12 vectors of sums stay in registers.</summary>
    [MethodImpl(RegisterTile)]
    private static void MultiplyPanels(float* left, float* right, int depth, float* tile, int stride, bool add)
    {
        Vector256<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default;
        Vector256<float> d0 = default, d1 = default, e0 = default, e1 = default, f0 = default, f1 = default;
        for (var end = left + depth * Left; left < end; left += Left, right += Right)
        {
            var (y0, y1) = (Vector256.Load(right), Vector256.Load(right + 8));
            var x = Vector256.Create(left[0]);
            a0 = MultiplyAdd(x, y0, a0);
            a1 = MultiplyAdd(x, y1, a1);
            x = Vector256.Create(left[1]);
            b0 = MultiplyAdd(x, y0, b0);
            b1 = MultiplyAdd(x, y1, b1);
            x = Vector256.Create(left[2]);
            c0 = MultiplyAdd(x, y0, c0);
            c1 = MultiplyAdd(x, y1, c1);
            x = Vector256.Create(left[3]);
            d0 = MultiplyAdd(x, y0, d0);
            d1 = MultiplyAdd(x, y1, d1);
            x = Vector256.Create(left[4]);
            e0 = MultiplyAdd(x, y0, e0);
            e1 = MultiplyAdd(x, y1, e1);
            x = Vector256.Create(left[5]);
            f0 = MultiplyAdd(x, y0, f0);
            f1 = MultiplyAdd(x, y1, f1);
        }
        Store(a0, a1, tile, add);
        Store(b0, b1, tile += stride, add);
        Store(c0, c1, tile += stride, add);
        Store(d0, d1, tile += stride, add);
        Store(e0, e1, tile += stride, add);
        Store(f0, f1, tile + stride, add);
    }

    /// <summary>Multiplies two panels of 6 rows with two panels of 16 rows; the 24 vectors of sums stay in registers.</summary>
    [MethodImpl(RegisterTile)]
    private static void MultiplyFourPanels(float* left, float* below, float* right, float* beside, int depth, float* tile, int stride,
        bool add)
    {
        Vector512<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default;
        Vector512<float> d0 = default, d1 = default, e0 = default, e1 = default, f0 = default, f1 = default;
        Vector512<float> g0 = default, g1 = default, h0 = default, h1 = default, i0 = default, i1 = default;
        Vector512<float> j0 = default, j1 = default, k0 = default, k1 = default, l0 = default, l1 = default;
        for (var end = left + depth * Left; left < end; left += Left, below += Left, right += Right, beside += Right)
        {
            var (y0, y1) = (Vector512.Load(right), Vector512.Load(beside));
            var x = Vector512.Create(left[0]);
            a0 = MultiplyAdd(x, y0, a0);
            a1 = MultiplyAdd(x, y1, a1);
            x = Vector512.Create(left[1]);
            b0 = MultiplyAdd(x, y0, b0);
            b1 = MultiplyAdd(x, y1, b1);
            x = Vector512.Create(left[2]);
            c0 = MultiplyAdd(x, y0, c0);
            c1 = MultiplyAdd(x, y1, c1);
            x = Vector512.Create(left[3]);
            d0 = MultiplyAdd(x, y0, d0);
            d1 = MultiplyAdd(x, y1, d1);
            x = Vector512.Create(left[4]);
            e0 = MultiplyAdd(x, y0, e0);
            e1 = MultiplyAdd(x, y1, e1);
            x = Vector512.Create(left[5]);
            f0 = MultiplyAdd(x, y0, f0);
            f1 = MultiplyAdd(x, y1, f1);
            x = Vector512.Create(below[0]);
            g0 = MultiplyAdd(x, y0, g0);
            g1 = MultiplyAdd(x, y1, g1);
            x = Vector512.Create(below[1]);
            h0 = MultiplyAdd(x, y0, h0);
            h1 = MultiplyAdd(x, y1, h1);
            x = Vector512.Create(below[2]);
            i0 = MultiplyAdd(x, y0, i0);
            i1 = MultiplyAdd(x, y1, i1);
            x = Vector512.Create(below[3]);
            j0 = MultiplyAdd(x, y0, j0);
            j1 = MultiplyAdd(x, y1, j1);
            x = Vector512.Create(below[4]);
            k0 = MultiplyAdd(x, y0, k0);
            k1 = MultiplyAdd(x, y1, k1);
            x = Vector512.Create(below[5]);
            l0 = MultiplyAdd(x, y0, l0);
            l1 = MultiplyAdd(x, y1, l1);
        }
        Store(a0, a1, tile, add);
        Store(b0, b1, tile += stride, add);
        Store(c0, c1, tile += stride, add);
        Store(d0, d1, tile += stride, add);
        Store(e0, e1, tile += stride, add);
        Store(f0, f1, tile += stride, add);
        Store(g0, g1, tile += stride, add);
        Store(h0, h1, tile += stride, add);
        Store(i0, i1, tile += stride, add);
        Store(j0, j1, tile += stride, add);
        Store(k0, k1, tile += stride, add);
        Store(l0, l1, tile + stride, add);
    }

    /// <summary>x·y + sum, rounded once if the processor has FMA.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> x, Vector512<float> y, Vector512<float> sum) =>
        Avx512F.IsSupported ? Avx512F.FusedMultiplyAdd(x, y, sum)
            : Vector512.Create(MultiplyAdd(x.GetLower(), y.GetLower(), sum.GetLower()),
                MultiplyAdd(x.GetUpper(), y.GetUpper(), sum.GetUpper()));

    /// <summary>x·y + sum, rounded once if the processor has FMA.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> x, Vector256<float> y, Vector256<float> sum) =>
        Fma.IsSupported ? Fma.MultiplyAdd(x, y, sum) : x * y + sum;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<float> x, Vector256<float> y, float* tile, bool add)
    {
        if (add)
        {
            x += Vector256.Load(tile);
            y += Vector256.Load(tile + 8);
        }
        x.Store(tile);
        y.Store(tile + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<float> x, Vector512<float> y, float* tile, bool add)
    {
        if (add)
        {
            x += Vector512.Load(tile);
            y += Vector512.Load(tile + Right);
        }
        x.Store(tile);
        y.Store(tile + Right);
    }
}
