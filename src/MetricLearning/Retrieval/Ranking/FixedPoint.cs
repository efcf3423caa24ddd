using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The scale and the error of a row z that is stored as 16-bit integers i: <c>z ≈ scale · i</c>.</summary>
/// <param name="Scale">The factor of the integers; 0 for a row of zeros, or of numbers so small that 1 / scale overflows.</param>
/// <param name="Norm"><c>‖scale · i‖</c>.</param>
/// <param name="Residual"><c>‖z − scale · i‖</c>, or an upper bound of it if the scale is 0.</param>
/// <param name="Low"><c>‖scale · l‖</c> of the low bytes l of i, if the integers are split (<see cref="SplitProduct"/>); else 0.</param>
internal readonly record struct FixedPointRow(double Scale, double Norm, double Residual, double Low);

/// <summary>Products of rows of 16-bit integers: twice as many multiplications per instruction as in float32, and sums without
/// rounding.</summary>
/// <remarks>
/// A row is cut into blocks of <see cref="Depth"/> places. Its scale is the smallest for which no integer is above 32,767 and no block is
/// longer than 46,000. So by Cauchy and Schwarz no sum within a block of two rows, nor any part of one, exceeds 46,008² &lt; 2³¹, and int32
/// arithmetic is exact in any order. The sums of the blocks are added in float32.
/// </remarks>
internal static unsafe class FixedPoint
{
    /// <summary>The number of places whose products are added as integers.</summary>
    public const int Depth = 256;

    /// <summary>The number of rows that are interleaved on the left, and on the right: the first two places of each row, then the next
    /// two.</summary>
    public const int Strip = 6, Panel = 16;

    /// <summary>The greatest number of strips that are multiplied with a panel at once.</summary>
    public const int MostStrips = 2;

    private const int SimdRows = 4;
    private const double LargestInteger = 32767, LargestBlock = 46000;

    private static readonly Lazy<bool> faster = new(Compare);

    /// <summary>Whether the processor has the instructions.</summary>
    public static bool IsSupported => Avx2.IsSupported;

    /// <summary>Whether these products are faster than torch's in float32, by one measurement with as many threads as torch
    /// has.</summary>
    public static bool IsFaster => IsSupported && faster.Value;

    /// <summary>Whether sums are computed in vectors of 512 bits. This is true if the processor has them and, as .NET judges, does not slow
    /// down for them.</summary>
    public static bool IsWide => Vector512.IsHardwareAccelerated;

    /// <summary>The number of places that a row takes: its width, rounded up to a multiple of 16.</summary>
    public static int Padded(int width) => (width + 15) / 16 * 16;

    /// <summary>Computes the scale of a row and the error of its integers.</summary>
    /// <param name="z">The row, padded to <see cref="Padded"/> places.</param>
    /// <param name="split">Whether the integers are for <see cref="SplitProduct"/>, which has no blocks.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static FixedPointRow Fit(ReadOnlySpan<double> z, bool split = false)
    {
        var (largest, longest) = (0.0, 0.0);
        fixed (double* p = z)
            for (var start = 0; start < z.Length; start += Depth)
            {
                var (square, top) = (Vector256<double>.Zero, Vector256<double>.Zero);
                for (var i = start; i < Math.Min(z.Length, start + Depth); i += SimdRows)
                {
                    var v = Vector256.Load(p + i);
                    square += v * v;
                    top = Vector256.Max(top, Vector256.Abs(v));
                }
                longest = Math.Max(longest, Vector256.Sum(square));
                for (var lane = 0; lane < SimdRows; lane++) largest = Math.Max(largest, top[lane]);
            }
        var scale = split ? largest / SplitProduct.LargestInteger : Math.Max(largest / LargestInteger, Math.Sqrt(longest) / LargestBlock);
        if (scale == 0 || !double.IsFinite(1 / scale)) return new FixedPointRow(0, 0, Math.Sqrt(longest) * z.Length, 0);
        var (norm, residual, low) = (Vector256<double>.Zero, Vector256<double>.Zero, Vector256<double>.Zero);
        fixed (double* p = z)
            for (var i = 0; i < z.Length; i += SimdRows)
            {
                var v = Vector256.Load(p + i);
                var integers = Integers(v, 1 / scale);
                var near = Avx.ConvertToVector256Double(integers) * scale;
                norm += near * near;
                residual += (v - near) * (v - near);
                if (!split) continue;
                var bytes = Avx.ConvertToVector256Double(integers << 24 >> 24) * scale;
                low += bytes * bytes;
            }
        return new FixedPointRow(scale, Math.Sqrt(Vector256.Sum(norm)), Math.Sqrt(Vector256.Sum(residual)), Math.Sqrt(Vector256.Sum(low)));
    }

    /// <summary>Writes the integers of a row in pairs, a step apart.</summary>
    /// <param name="z">The row, padded to <see cref="Padded"/> places.</param>
    /// <param name="scale">Its scale.</param>
    /// <param name="target">The place of the first pair.</param>
    /// <param name="step">Pairs from one pair to the next: <see cref="Strip"/> on the left, <see cref="Panel"/> on the right.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Write(ReadOnlySpan<double> z, double scale, int* target, int step)
    {
        var inverse = scale == 0 ? 0 : 1 / scale;
        fixed (double* p = z)
            for (var i = 0; i < z.Length; i += 2 * SimdRows)
            {
                var pairs = Sse2.PackSignedSaturate(Integers(Vector256.Load(p + i), inverse),
                    Integers(Vector256.Load(p + i + SimdRows), inverse)).AsInt32();
                for (var lane = 0; lane < SimdRows; lane++) target[(i / 2 + lane) * (long)step] = pairs[lane];
            }
    }

    /// <summary>Writes the integers of a row as two rows of bytes: <c>i = 256 · high + low</c>.</summary>
    /// <param name="z">The row, padded to <see cref="Padded"/> places.</param>
    /// <param name="scale">Its scale, fitted for split integers.</param>
    /// <param name="high">Memory for the high bytes.</param>
    /// <param name="low">Memory for the low bytes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Split(ReadOnlySpan<double> z, double scale, sbyte* high, sbyte* low)
    {
        var inverse = scale == 0 ? 0 : 1 / scale;
        fixed (double* p = z)
            for (var i = 0; i < z.Length; i += 4 * SimdRows)
            {
                var first = Vector256.Create(Integers(Vector256.Load(p + i), inverse), Integers(Vector256.Load(p + i + SimdRows), inverse));
                var second = Vector256.Create(Integers(Vector256.Load(p + i + 2 * SimdRows), inverse),
                    Integers(Vector256.Load(p + i + 3 * SimdRows), inverse));
                var integers = Vector256.Narrow(first, second);
                Narrow(integers).Store(low + i);
                Narrow(Vector256.Narrow(first + Vector256.Create(128) >> 8, second + Vector256.Create(128) >> 8)).Store(high + i);
            }

        static Vector128<sbyte> Narrow(Vector256<short> v) => Vector128.Narrow(v.GetLower(), v.GetUpper());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Integers(Vector256<double> v, double inverse) => Avx.ConvertToVector128Int32(v * inverse);

    /// <summary>A block of <c>offsetⱼ − leftᵢ · rightⱼ · Σₖ aᵢₖ bⱼₖ</c>.</summary>
    /// <param name="a">Strips of rows on the left.</param>
    /// <param name="left">The factors of these rows.</param>
    /// <param name="rows">The number of rows on the left.</param>
    /// <param name="b">Panels of rows on the right.</param>
    /// <param name="right">The factors of these rows, filled up to whole panels.</param>
    /// <param name="offset">The offsets of these rows, filled up to whole panels.</param>
    /// <param name="columns">The number of rows on the right.</param>
    /// <param name="width">Places of a row, a multiple of 16.</param>
    /// <param name="result">The first number of the result.</param>
    /// <param name="stride">The number of elements from one row of the result to the next.</param>
    public static void Multiply(int* a, float* left, int rows, int* b, float* right, float* offset, int columns, int width,
        float* result, long stride) => Multiply(a, left, rows, b, right, offset, columns, width, result, stride, IsWide);

    /// <summary>Does the same in vectors of a given size. The result has the same bits for both sizes.</summary>
    /// <param name="a">Strips of rows on the left.</param>
    /// <param name="left">The factors of these rows.</param>
    /// <param name="rows">The number of rows on the left.</param>
    /// <param name="b">Panels of rows on the right.</param>
    /// <param name="right">The factors of these rows, filled up to whole panels.</param>
    /// <param name="offset">The offsets of these rows, filled up to whole panels.</param>
    /// <param name="columns">The number of rows on the right.</param>
    /// <param name="width">Places of a row, a multiple of 16.</param>
    /// <param name="result">The first number of the result.</param>
    /// <param name="stride">The number of elements from one row of the result to the next.</param>
    /// <param name="wide">Whether vectors have 512 bits. If not, they have 256.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(int* a, float* left, int rows, int* b, float* right, float* offset, int columns, int width,
        float* result, long stride, bool wide)
    {
        var sums = stackalloc int[MostStrips * Strip * Panel];
        var all = width / 2;
        long below = (long)Strip * all, beside = (long)Panel * all;     // from one strip, or panel, to the next
        for (var start = 0; start < width; start += Depth)
        {
            var pairs = Math.Min(Depth, width - start) / 2;
            var (first, last) = (start == 0, start + Depth >= width);
            for (int column = 0, breadth; column < columns; column += breadth)
            {
                breadth = Math.Min(wide && columns - column >= FixedPointTile.Columns ? FixedPointTile.Columns : Panel, columns - column);
                for (int row = 0, height; row < rows; row += height)
                {
                    int* strip = a + (long)row * all + start * Strip / 2, panel = b + (long)column * all + start * Panel / 2;
                    var strips = rows - row > Strip ? MostStrips : 1;
                    var target = result + row * stride + column;
                    height = Math.Min(strips * Strip, rows - row);
                    if (breadth == FixedPointTile.Columns && height == FixedPointTile.Rows)
                        FixedPointTile.Add(strip, strip + below, panel, panel + beside, pairs, target, stride, first);
                    else
                        for (var part = 0; part < breadth; part += Panel)
                        {
                            Sums(strip, strips, below, panel + (long)part * all, pairs, sums, wide);
                            Add(sums, height, Math.Min(Panel, breadth - part), target + part, stride, first);
                        }
                    if (!last) continue;
                    for (var part = 0; part < breadth; part += Panel)
                        Scale(target + part, stride, left + row, height, right + column + part, offset + column + part,
                            Math.Min(Panel, breadth - part));
                }
            }
        }
    }

    private static bool Compare()
    {
        const int rows = 64 * Strip, columns = 32 * Panel, width = 4 * Depth;
        using var scope = NewDisposeScope();
        var (x, y, result) = (ones(rows, width), ones(columns, width), empty(rows, columns));
        var (factors, memory) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(result));
        var (left, right) = (zeros(rows, width, ScalarType.Int16), zeros(columns, width, ScalarType.Int16));
        var (a, b) = ((nint)TensorMemory.Of(left), (nint)TensorMemory.Of(right));
        return Least(() => Threads.For(columns / Panel, j => Multiply((int*)a, (float*)factors, rows, (int*)b + j * Panel * width / 2,
                (float*)factors, (float*)factors, Panel, width, (float*)memory + j * Panel, columns)))
            < Least(() => x.mm(y.t()).Dispose());

        static TimeSpan Least(Action product)
        {
            var times = new TimeSpan[4];
            for (var i = 0; i < times.Length; i++)
            {
                var start = Stopwatch.GetTimestamp();
                product();
                times[i] = Stopwatch.GetElapsedTime(start);
            }
            return times.Min();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scale(float* target, long stride, float* left, int rows, float* right, float* offset, int columns)
    {
        for (var i = 0; i < rows; i++, target += stride)
            if (columns == Panel)
            {
                (Vector256.Load(offset) - Vector256.Load(target) * Vector256.Load(right) * left[i]).Store(target);
                (Vector256.Load(offset + 8) - Vector256.Load(target + 8) * Vector256.Load(right + 8) * left[i]).Store(target + 8);
            }
            else
                for (var j = 0; j < columns; j++) target[j] = offset[j] - target[j] * right[j] * left[i];
    }

    /// <summary>Computes the sums of products of a few strips and a panel as integers, [6 strips, 16]. No sum, nor any part of one, may
    /// exceed int32.</summary>
    /// <param name="strip">The first strip: <see cref="Strip"/> rows on the left, interleaved by pairs.</param>
    /// <param name="strips">The number of strips, 1 to <see cref="MostStrips"/>.</param>
    /// <param name="step">The number of pairs from one strip to the next.</param>
    /// <param name="panel">Rows on the right, <see cref="Panel"/> of them interleaved by pairs.</param>
    /// <param name="pairs">Pairs of places of a row.</param>
    /// <param name="sums">Memory for 96 integers per strip, overwritten.</param>
    /// <param name="wide">Whether two strips are computed in vectors of 512 bits. One strip alone uses 256.</param>
    public static void Sums(int* strip, int strips, long step, int* panel, int pairs, int* sums, bool wide)
    {
        if (wide && strips == MostStrips) SumsOfTwo(strip, strip + step, panel, pairs, sums);
        else
            for (var i = 0; i < strips; i++) Sums(strip + i * step, panel, pairs, sums + i * Strip * Panel);
    }

    /// <summary>Sums of products of a strip and a panel as integers, [6, 16]. No sum, nor any part of one, may exceed int32.</summary>
    /// <param name="strip">Rows on the left, <see cref="Strip"/> of them interleaved by pairs.</param>
    /// <param name="panel">Rows on the right, <see cref="Panel"/> of them interleaved by pairs.</param>
    /// <param name="pairs">Pairs of places of a row.</param>
    /// <param name="sums">Memory for 96 integers, overwritten.</param>
    [MethodImpl(TileProduct.RegisterTile)]
    private static void Sums(int* strip, int* panel, int pairs, int* sums)
    {
        Vector256<int> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector256<int> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        for (; pairs > 0; pairs--, strip += Strip, panel += Panel)
        {
            var (b0, b1) = (Vector256.Load(panel).AsInt16(), Vector256.Load(panel + 8).AsInt16());
            var a = Vector256.Create(strip[0]).AsInt16();
            c00 += Avx2.MultiplyAddAdjacent(a, b0);
            c01 += Avx2.MultiplyAddAdjacent(a, b1);
            a = Vector256.Create(strip[1]).AsInt16();
            c10 += Avx2.MultiplyAddAdjacent(a, b0);
            c11 += Avx2.MultiplyAddAdjacent(a, b1);
            a = Vector256.Create(strip[2]).AsInt16();
            c20 += Avx2.MultiplyAddAdjacent(a, b0);
            c21 += Avx2.MultiplyAddAdjacent(a, b1);
            a = Vector256.Create(strip[3]).AsInt16();
            c30 += Avx2.MultiplyAddAdjacent(a, b0);
            c31 += Avx2.MultiplyAddAdjacent(a, b1);
            a = Vector256.Create(strip[4]).AsInt16();
            c40 += Avx2.MultiplyAddAdjacent(a, b0);
            c41 += Avx2.MultiplyAddAdjacent(a, b1);
            a = Vector256.Create(strip[5]).AsInt16();
            c50 += Avx2.MultiplyAddAdjacent(a, b0);
            c51 += Avx2.MultiplyAddAdjacent(a, b1);
        }
        Store(c00, c01, sums);
        Store(c10, c11, sums + Panel);
        Store(c20, c21, sums + 2 * Panel);
        Store(c30, c31, sums + 3 * Panel);
        Store(c40, c41, sums + 4 * Panel);
        Store(c50, c51, sums + 5 * Panel);
    }

    /// <summary>Writes a panel of sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<int> low, Vector256<int> high, int* sums)
    {
        low.Store(sums);
        high.Store(sums + 8);
    }

    /// <summary>Computes the same for two strips and a panel, [12, 16], in vectors of 512 bits.</summary>
    [MethodImpl(TileProduct.RegisterTile)]
    private static void SumsOfTwo(int* strip, int* next, int* panel, int pairs, int* sums)
    {
        Vector512<int> a = default, b = default, c = default, d = default, e = default, f = default;
        Vector512<int> g = default, h = default, i = default, j = default, k = default, l = default;
        for (; pairs > 0; pairs--, strip += Strip, next += Strip, panel += Panel)
        {
            var y = Vector512.Load(panel).AsInt16();
            a += FixedPointTile.Products(Vector512.Create(strip[0]).AsInt16(), y);
            b += FixedPointTile.Products(Vector512.Create(strip[1]).AsInt16(), y);
            c += FixedPointTile.Products(Vector512.Create(strip[2]).AsInt16(), y);
            d += FixedPointTile.Products(Vector512.Create(strip[3]).AsInt16(), y);
            e += FixedPointTile.Products(Vector512.Create(strip[4]).AsInt16(), y);
            f += FixedPointTile.Products(Vector512.Create(strip[5]).AsInt16(), y);
            g += FixedPointTile.Products(Vector512.Create(next[0]).AsInt16(), y);
            h += FixedPointTile.Products(Vector512.Create(next[1]).AsInt16(), y);
            i += FixedPointTile.Products(Vector512.Create(next[2]).AsInt16(), y);
            j += FixedPointTile.Products(Vector512.Create(next[3]).AsInt16(), y);
            k += FixedPointTile.Products(Vector512.Create(next[4]).AsInt16(), y);
            l += FixedPointTile.Products(Vector512.Create(next[5]).AsInt16(), y);
        }
        a.Store(sums);
        b.Store(sums + Panel);
        c.Store(sums + 2 * Panel);
        d.Store(sums + 3 * Panel);
        e.Store(sums + 4 * Panel);
        f.Store(sums + 5 * Panel);
        g.Store(sums + 6 * Panel);
        h.Store(sums + 7 * Panel);
        i.Store(sums + 8 * Panel);
        j.Store(sums + 9 * Panel);
        k.Store(sums + 10 * Panel);
        l.Store(sums + 11 * Panel);
    }

    /// <summary>Writes sums in float32, or adds them to the existing numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(int* sums, int rows, int columns, float* target, long stride, bool first)
    {
        for (var row = 0; row < rows; row++, sums += Panel, target += stride)
            if (columns == Panel)
            {
                var (low, high) = (Avx.ConvertToVector256Single(Vector256.Load(sums)),
                    Avx.ConvertToVector256Single(Vector256.Load(sums + 8)));
                if (!first) (low, high) = (low + Vector256.Load(target), high + Vector256.Load(target + 8));
                low.Store(target);
                high.Store(target + 8);
            }
            else
                for (var j = 0; j < columns; j++) target[j] = first ? sums[j] : target[j] + sums[j];
    }
}
