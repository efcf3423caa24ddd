using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MetricLearning.Vision;

/// <summary>Scales to a fixed size and matches Pillow bit for bit. The center of a pixel lies at half-integer coordinates.</summary>
/// <remarks>It scales first all rows, then all columns, with weights of 22 bits and rounding to 8 bits in between (Pillow's Resample.c).
/// The aspect ratio is not kept.</remarks>
public sealed class Resize : PixelStep
{
    private const uint Half = 1u << (ResizeWeights.Precision - 1);

    // The object is replaced as a whole and never changed, so several threads can use it.
    private volatile ResizeWeights?[] cached = [null, null];

    /// <summary>Scales to this size. Re-identification uses 256 x 128 (height x width).</summary>
    /// <param name="height">The height, 1 or more.</param>
    /// <param name="width">The width, 1 or more.</param>
    /// <param name="filter">How pixels are computed. Default: <see cref="ResizeFilter.Bilinear"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side is less than 1, or the filter is not defined.</exception>
    public Resize(int height, int width, ResizeFilter filter = ResizeFilter.Bilinear)
    {
        Height = Guard.AtLeast(height, 1);
        Width = Guard.AtLeast(width, 1);
        Filter = Guard.Defined(filter);
    }

    /// <summary>How pixels are computed.</summary>
    public ResizeFilter Filter { get; }

    /// <summary>The height after this step.</summary>
    public int Height { get; }

    /// <summary>The width after this step.</summary>
    public int Width { get; }

    /// <inheritdoc/>
    public override bool IsRandom => false;

    /// <inheritdoc/>
    public override (int Height, int Width)? SizeAfter((int Height, int Width)? before) => (Height, Width);

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture);
        if (Filter == ResizeFilter.Nearest)
        {
            if (picture.Width != Width || picture.Height != Height) Nearest(picture);
            return;
        }
        var weights = cached;
        var across = weights[0] is { } w && w.From == picture.Width ? w : new ResizeWeights(picture.Width, Width, Filter);
        var down = weights[1] is { } h && h.From == picture.Height ? h : new ResizeWeights(picture.Height, Height, Filter);
        if (across != weights[0] || down != weights[1]) cached = [across, down];
        if (picture.Width != Width) Rows(picture, across);
        if (picture.Height != Height) Columns(picture, down);
    }

    /// <summary>Takes the nearest pixels. It adds up the places step by step as Pillow does, so rounding is the same.</summary>
    private void Nearest(Picture picture)
    {
        var (before, across, down) = (picture.Width, (double)picture.Width / Width, (double)picture.Height / Height);
        var (lastColumn, lastRow) = (picture.Width - 1, picture.Height - 1);
        var target = MemoryMarshal.Cast<byte, uint>(picture.Replace(Width, Height, out var old));
        var source = MemoryMarshal.Cast<byte, uint>(old);
        var columns = new int[Width];
        var at = across * 0.5;
        for (var x = 0; x < Width; x++, at += across) columns[x] = Math.Min((int)at, lastColumn);
        at = down * 0.5;
        for (var y = 0; y < Height; y++, at += down)
        {
            var row = source.Slice(Math.Min((int)at, lastRow) * before, before);
            for (var x = 0; x < Width; x++) target[y * Width + x] = row[columns[x]];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Rows(Picture picture, ResizeWeights weights)
    {
        var before = picture.Width;
        var target = MemoryMarshal.Cast<byte, uint>(picture.Replace(Width, picture.Height, out var old));
        var source = MemoryMarshal.Cast<byte, uint>(old);
        for (var y = 0; y < picture.Height; y++)
        {
            var row = source.Slice(y * before, before);
            for (var x = 0; x < Width; x++)
            {
                var taps = weights.Of(x, out var first);
                var sum = Vector128.Create(Half);
                for (var i = 0; i < taps.Length; i++) sum += Channels(row[first + i]) * (uint)taps[i];
                target[y * Width + x] = Pixel(sum);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Columns(Picture picture, ResizeWeights weights)
    {
        var width = picture.Width;
        var target = MemoryMarshal.Cast<byte, uint>(picture.Replace(width, Height, out var old));
        var source = MemoryMarshal.Cast<byte, uint>(old);
        for (var y = 0; y < Height; y++)
        {
            var taps = weights.Of(y, out var first);
            var line = target.Slice(y * width, width);
            var x = 0;
            for (; x <= width - 4; x += 4) FourPixels(source[(first * width + x)..], width, taps).CopyTo(line[x..]);
            for (; x < width; x++)
            {
                var sum = Vector128.Create(Half);
                for (var i = 0; i < taps.Length; i++) sum += Channels(source[(first + i) * width + x]) * (uint)taps[i];
                line[x] = Pixel(sum);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector128<uint> FourPixels(ReadOnlySpan<uint> source, int width, ReadOnlySpan<int> taps)
    {
        var sum0 = Vector128.Create(Half);
        var (sum1, sum2, sum3) = (sum0, sum0, sum0);
        for (var i = 0; i < taps.Length; i++)
        {
            var tap = (uint)taps[i];
            var (low, high) = Vector128.Widen(Vector128.Create(source.Slice(i * width, 4)).AsByte());
            var (pixel0, pixel1) = Vector128.Widen(low);
            var (pixel2, pixel3) = Vector128.Widen(high);
            sum0 += pixel0 * tap;
            sum1 += pixel1 * tap;
            sum2 += pixel2 * tap;
            sum3 += pixel3 * tap;
        }
        return Vector128.Narrow(Vector128.Narrow(Rounded(sum0), Rounded(sum1)), Vector128.Narrow(Rounded(sum2), Rounded(sum3))).AsUInt32();
    }

    private static Vector128<uint> Channels(uint pixel) =>
        Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(pixel).AsByte()));

    private static uint Pixel(Vector128<uint> sum)
    {
        var words = Vector128.Narrow(Rounded(sum), Vector128<uint>.Zero);
        return Vector128.Narrow(words, Vector128<ushort>.Zero).AsUInt32().ToScalar();
    }

    /// <summary>Rounds to 8 bits and clamps. Negative weights can make a sum less than 0 or greater than 1, and weights that are rounded up
    /// can make it a little greater than 1. The product of a pixel and a weight has the same bits with and without a sign.</summary>
    private static Vector128<uint> Rounded(Vector128<uint> sum) => Vector128.Max(Vector128.Min(
        Vector128.ShiftRightArithmetic(sum.AsInt32(), ResizeWeights.Precision), Vector128.Create(255)), Vector128<int>.Zero).AsUInt32();
}
