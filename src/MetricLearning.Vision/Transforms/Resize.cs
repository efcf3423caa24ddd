using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MetricLearning.Vision;

/// <summary>Scales to a fixed size bilinearly, as Pillow does, to the bit. Pixels have their centers at a half, and when the image shrinks
/// the triangle filter is widened by the scale, so that nothing aliases.</summary>
/// <remarks>It scales first all rows, then all columns, with weights of 22 bits and rounding to 8 bits in between (Pillow's Resample.c).
/// The aspect ratio is not kept.</remarks>
public sealed class Resize : PixelStep
{
    private const int Precision = 22;
    private const uint Half = 1u << (Precision - 1);

    // Replaced as a whole and never changed, so that several threads can use it.
    private volatile Weights?[] cached = [null, null];

    /// <summary>Scales to this size. Re-identification uses 256 x 128 (height x width).</summary>
    /// <param name="height">The height, 1 or more.</param>
    /// <param name="width">The width, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side is less than 1.</exception>
    public Resize(int height, int width)
    {
        Height = Guard.AtLeast(height, 1);
        Width = Guard.AtLeast(width, 1);
    }

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
        var weights = cached;
        var across = weights[0] is { } w && w.From == picture.Width ? w : new Weights(picture.Width, Width);
        var down = weights[1] is { } h && h.From == picture.Height ? h : new Weights(picture.Height, Height);
        if (across != weights[0] || down != weights[1]) cached = [across, down];
        if (picture.Width != Width) Rows(picture, across);
        if (picture.Height != Height) Columns(picture, down);
    }

    private void Rows(Picture picture, Weights weights)
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
                for (var i = 0; i < taps.Length; i++) sum += Channels(row[first + i]) * taps[i];
                target[y * Width + x] = Pixel(sum);
            }
        }
    }

    private void Columns(Picture picture, Weights weights)
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
                for (var i = 0; i < taps.Length; i++) sum += Channels(source[(first + i) * width + x]) * taps[i];
                line[x] = Pixel(sum);
            }
        }
    }

    private static Vector128<uint> FourPixels(ReadOnlySpan<uint> source, int width, ReadOnlySpan<uint> taps)
    {
        var sum0 = Vector128.Create(Half);
        var (sum1, sum2, sum3) = (sum0, sum0, sum0);
        for (var i = 0; i < taps.Length; i++)
        {
            var (low, high) = Vector128.Widen(Vector128.Create(source.Slice(i * width, 4)).AsByte());
            var (pixel0, pixel1) = Vector128.Widen(low);
            var (pixel2, pixel3) = Vector128.Widen(high);
            sum0 += pixel0 * taps[i];
            sum1 += pixel1 * taps[i];
            sum2 += pixel2 * taps[i];
            sum3 += pixel3 * taps[i];
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

    /// <summary>Rounds to 8 bits. No weight is negative, but the rounded weights may add up to a little more than 1.</summary>
    private static Vector128<uint> Rounded(Vector128<uint> sum) => Vector128.Min(sum >> Precision, Vector128.Create(255u));

    /// <summary>The source pixels that make each target pixel along one axis, with their weights.</summary>
    private sealed class Weights
    {
        private readonly int most;
        private readonly (int First, int Count)[] ranges;
        private readonly uint[] values;

        public Weights(int from, int to)
        {
            From = from;
            var scale = (double)from / to;
            var support = Math.Max(scale, 1);
            most = (int)Math.Ceiling(support) * 2 + 1;
            ranges = new (int, int)[to];
            values = new uint[to * most];
            var taps = new double[most];
            for (var x = 0; x < to; x++)
            {
                var center = (x + 0.5) * scale;
                var first = Math.Max((int)(center - support + 0.5), 0);
                var count = Math.Min((int)(center + support + 0.5), from) - first;
                var total = 0.0;
                for (var i = 0; i < count; i++)
                    total += taps[i] = Math.Max(1 - Math.Abs((i + first - center + 0.5) * (1 / support)), 0);
                for (var i = 0; i < count; i++) values[x * most + i] = (uint)(0.5 + taps[i] / total * (1 << Precision));
                ranges[x] = (first, count);
            }
        }

        public int From { get; }

        public ReadOnlySpan<uint> Of(int x, out int first)
        {
            (first, var count) = ranges[x];
            return values.AsSpan(x * most, count);
        }
    }
}
