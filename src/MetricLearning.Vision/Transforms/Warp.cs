using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MetricLearning.Vision;

/// <summary>Moves pixels as Pillow's <c>Image.transform</c> does, bit for bit. A matrix maps the center of each target pixel to its place
/// in the source. Pixels from outside of the source get the fill color.</summary>
internal static class Warp
{
    /// <summary>Warps by <c>x' = (m0 x + m1 y + m2) / w, y' = (m3 x + m4 y + m5) / w</c> with <c>w = m6 x + m7 y + 1</c>; w is 1 if the
    /// matrix has six numbers.</summary>
    public static void Apply(Picture picture, ReadOnlySpan<double> matrix, Interpolation interpolation, Rgb fill)
    {
        var target = MemoryMarshal.Cast<byte, uint>(picture.Replace(picture.Width, picture.Height, out var old));
        var source = new Source(MemoryMarshal.Cast<byte, uint>(old), picture.Width, picture.Height);
        if (interpolation != Interpolation.Nearest || matrix.Length == 8) Any(source, target, matrix, interpolation, fill.Pixel);
        else if (matrix[1] == 0 && matrix[3] == 0) Straight(source, target, matrix, fill.Pixel);
        else FixedPoint(source, target, matrix, fill.Pixel);
    }

    /// <summary>Rotates as Pillow's <c>Image.rotate</c>: counter-clockwise about the center, with cosine and sine rounded to 15
    /// digits.</summary>
    public static void Rotate(Picture picture, double degrees, Interpolation interpolation, Rgb fill)
    {
        // Python's remainder has the sign of the divisor.
        degrees %= 360;
        if (degrees < 0) degrees += 360;
        if (degrees == 0) return;
        if (degrees == 180 || (degrees is 90 or 270 && picture.Width == picture.Height))
        {
            QuarterTurns(picture, (int)degrees / 90);
            return;
        }
        var angle = -Radians(degrees);
        var (cos, sin, minusSin) = (Round15(Math.Cos(angle)), Round15(Math.Sin(angle)), Round15(-Math.Sin(angle)));
        var (x, y) = (picture.Width / 2.0, picture.Height / 2.0);
        Apply(picture, [cos, sin, cos * -x + sin * -y + x, minusSin, cos, minusSin * -x + cos * -y + y], interpolation, fill);
    }

    /// <summary>The angle as Python computes it, which differs in the last bit from <see cref="double.DegreesToRadians"/>.</summary>
    public static double Radians(double degrees) => degrees * (Math.PI / 180);

    /// <summary>Rounds to 15 decimal digits as Python does, from the exact value. <see cref="Math.Round(double, int)"/> multiplies by a
    /// power of ten first, and that product is already rounded.</summary>
    internal static double Round15(double value) =>
        double.Parse(value.ToString("F15", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    /// <summary>Rotates by quarter turns without interpolation: one turn counter-clockwise of a square, or two of any image.</summary>
    private static void QuarterTurns(Picture picture, int turns)
    {
        var (width, height) = (picture.Width, picture.Height);
        var target = MemoryMarshal.Cast<byte, uint>(picture.Replace(width, height, out var old));
        var source = MemoryMarshal.Cast<byte, uint>(old);
        for (var y = 0; y < height; y++)
            for (var x = 0; x < width; x++)
                target[y * width + x] = source[turns switch
                {
                    1 => x * width + width - 1 - y,
                    2 => (height - 1 - y) * width + width - 1 - x,
                    _ => (height - 1 - x) * width + y,
                }];
    }

    /// <summary>Warps by a map without rotation: each target row comes from one source row, and each column from one column. It adds up the
    /// places step by step as Pillow does, so rounding is the same.</summary>
    private static void Straight(Source source, Span<uint> target, ReadOnlySpan<double> m, uint fill)
    {
        var fromY = m[5] + m[4] * 0.5;
        for (var y = 0; y < source.Height; y++, fromY += m[4])
        {
            var fromX = m[2] + m[0] * 0.5;
            for (var x = 0; x < source.Width; x++, fromX += m[0])
                target[y * source.Width + x] = source.Nearest(fromX, fromY, fill);
        }
    }

    /// <summary>Computes in fixed point with 16 fractional bits.</summary>
    private static void FixedPoint(Source source, Span<uint> target, ReadOnlySpan<double> m, uint fill)
    {
        static long Fix(double value) => (long)Math.Floor(value * 65536 + 0.5);
        var (acrossX, acrossY, downX, downY) = (Fix(m[0]), Fix(m[3]), Fix(m[1]), Fix(m[4]));
        var (startX, startY) = (Fix(m[2] + m[0] * 0.5 + m[1] * 0.5), Fix(m[5] + m[3] * 0.5 + m[4] * 0.5));
        for (var y = 0; y < source.Height; y++, startX += downX, startY += downY)
        {
            var (fromX, fromY) = (startX, startY);
            for (var x = 0; x < source.Width; x++, fromX += acrossX, fromY += acrossY)
            {
                var (column, row) = (fromX >> 16, fromY >> 16);
                target[y * source.Width + x] = (ulong)column < (ulong)source.Width && (ulong)row < (ulong)source.Height
                    ? source.Pixels[(int)(row * source.Width + column)] : fill;
            }
        }
    }

    private static void Any(Source source, Span<uint> target, ReadOnlySpan<double> m, Interpolation interpolation, uint fill)
    {
        var perspective = m.Length == 8;
        for (var y = 0; y < source.Height; y++)
            for (var x = 0; x < source.Width; x++)
            {
                var (middleX, middleY) = (x + 0.5, y + 0.5);
                var fromX = m[0] * middleX + m[1] * middleY + m[2];
                var fromY = m[3] * middleX + m[4] * middleY + m[5];
                if (perspective)
                {
                    var w = m[6] * middleX + m[7] * middleY + 1;
                    (fromX, fromY) = (fromX / w, fromY / w);
                }
                target[y * source.Width + x] = interpolation switch
                {
                    Interpolation.Nearest => source.Nearest(fromX, fromY, fill),
                    Interpolation.Bilinear => source.Bilinear(fromX, fromY, fill),
                    _ => source.Bicubic(fromX, fromY, fill),
                };
            }
    }

    private readonly ref struct Source(ReadOnlySpan<uint> pixels, int width, int height)
    {
        public readonly ReadOnlySpan<uint> Pixels = pixels;
        public readonly int Width = width, Height = height;

        public uint Nearest(double x, double y, uint fill) => Has(x, y) ? Pixels[(int)y * Width + (int)x] : fill;

        public uint Bilinear(double x, double y, uint fill)
        {
            if (!Has(x, y)) return fill;
            var (column, row) = ((int)Math.Floor(x -= 0.5), (int)Math.Floor(y -= 0.5));
            var dx = Vector256.Create(x - column);
            var (left, right) = (Math.Max(column, 0), Math.Min(column + 1, Width - 1));
            var above = Pixels.Slice(Math.Max(row, 0) * Width, Width);
            var below = Pixels.Slice(Math.Min(row + 1, Height - 1) * Width, Width);
            var top = Between(Channels(above[left]), Channels(above[right]), dx);
            return Pixel(Between(top, Between(Channels(below[left]), Channels(below[right]), dx), Vector256.Create(y - row)));
        }

        public uint Bicubic(double x, double y, uint fill)
        {
            if (!Has(x, y)) return fill;
            var (column, row) = ((int)Math.Floor(x -= 0.5), (int)Math.Floor(y -= 0.5));
            var dx = Vector256.Create(x - column);
            // A row above the image is its first row. A row below it repeats the value before.
            var v0 = Row(Math.Clamp(row - 1, 0, Height - 1), column, dx);
            var v1 = row >= 0 ? Row(row, column, dx) : v0;
            var v2 = row + 1 < Height ? Row(row + 1, column, dx) : v1;
            var v3 = row + 2 < Height ? Row(row + 2, column, dx) : v2;
            return Pixel(Cubic(v0, v1, v2, v3, Vector256.Create(y - row)));
        }

        private Vector256<double> Row(int row, int column, Vector256<double> dx)
        {
            var line = Pixels.Slice(row * Width, Width);
            return Cubic(Channels(line[Math.Clamp(column - 1, 0, Width - 1)]), Channels(line[Math.Clamp(column, 0, Width - 1)]),
                Channels(line[Math.Clamp(column + 1, 0, Width - 1)]), Channels(line[Math.Clamp(column + 2, 0, Width - 1)]), dx);
        }

        private static Vector256<double> Cubic(
            Vector256<double> v0, Vector256<double> v1, Vector256<double> v2, Vector256<double> v3, Vector256<double> d) =>
            v1 + d * (-v0 + v2 + d * ((v0 - v1) * 2 + v2 - v3 + d * (-v0 + v1 - v2 + v3)));

        private static Vector256<double> Between(Vector256<double> a, Vector256<double> b, Vector256<double> d) => a + (b - a) * d;

        private static Vector256<double> Channels(uint pixel) =>
            Vector256.Create((int)(pixel & 255), (int)(pixel >> 8 & 255), (int)(pixel >> 16 & 255), 0.0);

        private static uint Pixel(Vector256<double> channels)
        {
            var whole = Vector256.Min(Vector256.Max(channels, Vector256<double>.Zero), Vector256.Create(255.0));
            return (uint)whole[0] | (uint)whole[1] << 8 | (uint)whole[2] << 16;
        }

        private bool Has(double x, double y) => x >= 0 && x < Width && y >= 0 && y < Height;
    }
}
