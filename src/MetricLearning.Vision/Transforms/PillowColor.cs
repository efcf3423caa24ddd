using System.Runtime.InteropServices;

namespace MetricLearning.Vision;

/// <summary>Changes colors as Pillow's ImageEnhance, ImageOps and HSV mode do, bit for bit.</summary>
internal static class PillowColor
{
    /// <summary>Factor 0 gives black, 1 the image itself, more a brighter image.</summary>
    public static void Brightness(Picture picture, double factor) => Mix(picture, 0, factor);

    /// <summary>Factor 0 gives the mean brightness, 1 the image itself, more a higher contrast.</summary>
    public static void Contrast(Picture picture, double factor)
    {
        long sum = 0;
        var pixels = Pixels(picture);
        foreach (var pixel in pixels) sum += Luma(pixel);
        Mix(picture, (int)((double)sum / pixels.Length + 0.5), factor);
    }

    /// <summary>Factor 0 gives a gray image, 1 the image itself, more stronger colors.</summary>
    public static void Saturation(Picture picture, double factor)
    {
        foreach (ref var pixel in Pixels(picture))
        {
            int gray = Luma(pixel);
            pixel = Blend(gray, (int)(pixel & 255), (float)factor) | (uint)Blend(gray, (int)(pixel >> 8 & 255), (float)factor) << 8
                | (uint)Blend(gray, (int)(pixel >> 16 & 255), (float)factor) << 16;
        }
    }

    /// <summary>Factor 0 gives a smoothed image, 1 the image itself, more a sharper one. Pixels at the border stay.</summary>
    public static void Sharpness(Picture picture, double factor)
    {
        var (width, height) = (picture.Width, picture.Height);
        var target = picture.Replace(width, height, out var source);
        source.CopyTo(target);
        const float Side = 1f / 13, Middle = 5f / 13;
        var line = width * Picture.BytesPerPixel;
        for (var y = 1; y < height - 1; y++)
            for (var i = y * line + Picture.BytesPerPixel; i < (y + 1) * line - Picture.BytesPerPixel; i++)
            {
                var smooth = 0.5f + Three(source, i + line, Side) + Three(source, i, Middle) + Three(source, i - line, Side);
                target[i] = Blend((int)Math.Clamp(smooth, 0, 255), source[i], (float)factor);
            }

        static float Three(ReadOnlySpan<byte> source, int i, float middle) =>
            source[i - Picture.BytesPerPixel] * Side + source[i] * middle + source[i + Picture.BytesPerPixel] * Side;
    }

    /// <summary>Shifts the hue by a share of the color circle, in [−0.5, 0.5], in Pillow's HSV of 8 bits per channel.</summary>
    public static void Hue(Picture picture, double turn)
    {
        var add = (byte)(int)(turn * 255);
        foreach (ref var pixel in Pixels(picture)) pixel = HueTurned(pixel, add);
    }

    /// <summary>Puts the brightness into all three channels: (19595 R + 38470 G + 7471 B + 32768) / 65536.</summary>
    public static void Gray(Picture picture)
    {
        foreach (ref var pixel in Pixels(picture)) pixel = Luma(pixel) * 0x010101u;
    }

    /// <summary>Keeps only the upper bits.</summary>
    public static void Posterize(Picture picture, int bits)
    {
        var mask = (uint)(255 & ~((1 << (8 - bits)) - 1)) * 0x010101u;
        foreach (ref var pixel in Pixels(picture)) pixel &= mask;
    }

    /// <summary>Inverts the values at and above the threshold.</summary>
    public static void Solarize(Picture picture, double threshold)
    {
        Span<byte> table = stackalloc byte[256];
        for (var value = 0; value < 256; value++) table[value] = (byte)(value < threshold ? value : 255 - value);
        Map(picture, table, table, table);
    }

    /// <summary>Replaces each value by 255 minus the value.</summary>
    public static void Invert(Picture picture)
    {
        foreach (ref var pixel in Pixels(picture)) pixel = ~pixel;
    }

    /// <summary>Stretches each channel so that its darkest value becomes 0 and its brightest 255.</summary>
    public static void AutoContrast(Picture picture) => ByHistogram(picture, static (histogram, table) =>
    {
        var low = histogram.IndexOfAnyExcept(0);
        var high = histogram.LastIndexOfAnyExcept(0);
        var scale = 255.0 / (high - low);
        for (var value = 0; value < 256; value++)
            table[value] = high <= low ? (byte)value : (byte)Math.Clamp((int)(value * scale + -low * scale), 0, 255);
    });

    /// <summary>Makes the values of each channel about equally frequent.</summary>
    public static void Equalize(Picture picture) => ByHistogram(picture, static (histogram, table) =>
    {
        var last = histogram.LastIndexOfAnyExcept(0);
        var total = 0;
        foreach (var count in histogram) total += count;
        var step = (total - histogram[last]) / 255;
        var sum = step / 2;
        for (var value = 0; value < 256; value++)
        {
            table[value] = step == 0 ? (byte)value : (byte)Math.Min(sum / step, 255);
            sum += histogram[value];
        }
    });

    private static Span<uint> Pixels(Picture picture) => MemoryMarshal.Cast<byte, uint>(picture.Pixels);

    /// <summary>The brightness of a pixel.</summary>
    public static byte Luma(uint pixel) =>
        (byte)(((pixel & 255) * 19595 + (pixel >> 8 & 255) * 38470 + (pixel >> 16 & 255) * 7471 + 0x8000) >> 16);

    /// <summary>Pillow's blend in float32, truncated: <paramref name="from"/> at factor 0, <paramref name="to"/> at factor 1.</summary>
    private static byte Blend(int from, int to, float factor) => (byte)Math.Clamp(from + factor * (to - from), 0, 255);

    private static void Mix(Picture picture, int from, double factor)
    {
        Span<byte> table = stackalloc byte[256];
        for (var value = 0; value < 256; value++) table[value] = Blend(from, value, (float)factor);
        Map(picture, table, table, table);
    }

    private static void Map(Picture picture, ReadOnlySpan<byte> red, ReadOnlySpan<byte> green, ReadOnlySpan<byte> blue)
    {
        foreach (ref var pixel in Pixels(picture))
            pixel = red[(int)(pixel & 255)] | (uint)green[(int)(pixel >> 8 & 255)] << 8 | (uint)blue[(int)(pixel >> 16 & 255)] << 16;
    }

    private delegate void Curve(ReadOnlySpan<int> histogram, Span<byte> table);

    private static void ByHistogram(Picture picture, Curve curve)
    {
        Span<int> histogram = stackalloc int[3 * 256];
        histogram.Clear();
        foreach (var pixel in Pixels(picture))
        {
            histogram[(int)(pixel & 255)]++;
            histogram[(int)(256 + (pixel >> 8 & 255))]++;
            histogram[(int)(512 + (pixel >> 16 & 255))]++;
        }
        Span<byte> table = stackalloc byte[3 * 256];
        for (var channel = 0; channel < 3; channel++)
            curve(histogram.Slice(channel * 256, 256), table.Slice(channel * 256, 256));
        Map(picture, table[..256], table[256..512], table[512..]);
    }

    private static uint HueTurned(uint pixel, byte add)
    {
        int red = (int)(pixel & 255), green = (int)(pixel >> 8 & 255), blue = (int)(pixel >> 16 & 255);
        int max = Math.Max(red, Math.Max(green, blue)), min = Math.Min(red, Math.Min(green, blue));
        if (max == min) return pixel;
        var range = (float)(max - min);
        float r = (max - red) / range, g = (max - green) / range, b = (max - blue) / range;
        var hue = red == max ? b - g : green == max ? (float)(2.0 + r - b) : (float)(4.0 + g - r);
        // The remainder of a division by 1, for a value between 5/6 and 11/6.
        var turned = hue / 6.0 + 1.0;
        hue = (float)(turned >= 1 ? turned - 1 : turned);
        var saturation = (byte)(int)(range / max * 255.0);
        return FromHsv((byte)((int)(hue * 255.0) + add), saturation, (byte)max);
    }

    private static uint FromHsv(byte hue, byte saturation, byte value)
    {
        if (saturation == 0) return value * 0x010101u;
        var sector = (int)Math.Floor(hue * 6.0 / 255.0);
        var rest = (float)(hue * 6.0 / 255.0 - sector);
        var share = (float)(saturation / 255.0);
        uint Part(double of) => (uint)Math.Clamp(Math.Round(value * (1.0 - of), MidpointRounding.AwayFromZero), 0, 255);
        uint v = value, p = Part(share), q = Part(share * rest), t = Part(share * (1.0 - rest));
        return (sector % 6) switch
        {
            0 => v | t << 8 | p << 16,
            1 => q | v << 8 | p << 16,
            2 => p | v << 8 | t << 16,
            3 => p | q << 8 | v << 16,
            4 => t | p << 8 | v << 16,
            _ => v | p << 8 | q << 16,
        };
    }
}
