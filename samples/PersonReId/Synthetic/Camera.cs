using MetricLearning;
using SkiaSharp;

namespace PersonReId.Synthetic;

/// <summary>One fixed camera: its scene, its position, and the effects of its lens, its sensor and the daylight on colors.</summary>
internal sealed class Camera : IDisposable
{
    /// <summary>The size at which an image is drawn, before the camera scales it down to 64 × 128.</summary>
    public const int Width = 192, Height = 384;

    private readonly SKImage scene;

    /// <summary>Camera <paramref name="number"/> (from 1) of the dataset with this seed.</summary>
    public Camera(int number, ulong seed)
    {
        var random = SeededRandom.ForStream(seed, 0xCA, (ulong)number);
        Number = number;
        scene = Scene.Draw(number, random);
        // The direction in which most people walk: toward the camera, away from it, to the right or to the left.
        Yaw = ((number * 2 + random.NextInt(2)) % 4) * Math.PI / 2 + random.NextDouble(-0.35, 0.35);
        var warm = random.NextDouble(-0.17, 0.17);
        var green = random.NextDouble(-0.05, 0.08);
        var exposure = random.NextDouble(0.66, 1.25);
        Gain = [(float)(exposure * (1 + warm)), (float)(exposure * (1 + green)), (float)(exposure * (1 - warm))];
        Contrast = (float)random.NextDouble(0.75, 1.12);
        Saturation = (float)random.NextDouble(0.6, 1.1);
        Haze = (float)random.NextDouble(0, 24);
        Blur = (float)random.NextDouble(0.3, 1.1);
        Noise = (float)random.NextDouble(1.5, 5);
        Scale = (float)random.NextDouble(0.92, 1.06);
        Light = random.NextInt(2) * 2 - 1;
        Quality = 78 + random.NextInt(15);
    }

    public int Number { get; }

    private double Yaw { get; }
    private float[] Gain { get; }
    private float Contrast { get; }
    private float Saturation { get; }
    private float Haze { get; }
    private float Blur { get; }
    private float Noise { get; }
    private float Scale { get; }
    private int Light { get; }
    private int Quality { get; }

    /// <summary>Draws an image of a person as a detector would crop it. The result is a JPEG file.</summary>
    /// <param name="look">The person; null for an image without one.</param>
    /// <param name="badCrop">Whether the detector missed, so that only a part of the body is in the box.</param>
    /// <param name="random">The source of everything that differs from image to image.</param>
    /// <param name="passerBy">A person who may stand in front.</param>
    public byte[] Photograph(Appearance? look, bool badCrop, SeededRandom random, Appearance passerBy)
    {
        using var surface = SKSurface.Create(new SKImageInfo(Width, Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var canvas = surface.Canvas;
        var zoom = (float)random.NextDouble(0.9, 1.25);
        canvas.Save();
        canvas.Scale(zoom);
        canvas.DrawImage(scene, -random.NextInt((int)(scene.Width - Width / zoom)),
            (float)random.NextDouble(-36, 0) + Height * (1 / zoom - 1) * 0.5f);
        canvas.Restore();

        var unit = Height * 0.88f * Scale * (float)random.NextDouble(0.93, 1.08);
        var (x, y) = (Width / 2f + (float)random.NextGaussian() * 9, Height * 0.955f + (float)random.NextGaussian() * 7);
        if (badCrop)
        {
            unit *= (float)random.NextDouble(1.5, 2.3);
            x += (float)random.NextDouble(-70, 70);
            y += (float)random.NextDouble(-20, unit * 0.6);
        }
        var yaw = Yaw + (random.NextDouble() < 0.22 ? Math.PI : 0) + (random.NextDouble() < 0.12 ? Math.PI / 2 : 0);
        if (random.NextDouble() < 0.1) Stand(canvas, passerBy, unit * 0.93f, x + (random.NextInt(2) * 2 - 1) * random.NextDouble(60, 90),
            y - 14, yaw, random);
        if (look is not null) Stand(canvas, look, unit, x, y, yaw, random);
        if (random.NextDouble() < 0.14) Obstacle(canvas, random);
        Cast(canvas);
        return Develop(surface, random);
    }

    public void Dispose() => scene.Dispose();

    private void Stand(SKCanvas canvas, Appearance look, float unit, double x, double y, double yaw, SeededRandom random)
    {
        canvas.Save();
        canvas.Translate((float)x, (float)y);
        canvas.Scale(unit);
        using (var shadow = new SKPaint { IsAntialias = true, Color = new SKColor(0, 0, 0, 80),
            MaskFilter = SKMaskFilter.CreateBlur(SKBlurStyle.Normal, 0.02f) })
            canvas.DrawOval(Light * -0.06f, -0.005f, 0.19f, 0.028f, shadow);
        using (var person = new PedestrianPainter(canvas, look, Pose.Draw(random, yaw))) person.Draw();
        canvas.Restore();
    }

    /// <summary>A pole, a bin, a bench or a parked bicycle in front of the person.</summary>
    private static void Obstacle(SKCanvas canvas, SeededRandom random)
    {
        var gray = (byte)(40 + random.NextInt(110));
        using var paint = new SKPaint { IsAntialias = true, Color = new SKColor(gray, (byte)(gray * 1.03), (byte)(gray * 0.95)) };
        var x = (float)random.NextDouble(10, Width - 10);
        switch (random.NextInt(4))
        {
            case 0:
                canvas.DrawRect(x - 6, 0, 13, Height, paint);
                break;
            case 1:
                canvas.DrawRoundRect(x - 34, Height - 105, 68, 140, 6, 6, paint);
                paint.Color = new SKColor(20, 20, 20, 120);
                canvas.DrawRect(x - 34, Height - 90, 68, 8, paint);
                break;
            case 2:
                canvas.DrawRect(-5, Height - 92, Width + 10, 12, paint);
                canvas.DrawRect(-5, Height - 70, Width + 10, 10, paint);
                canvas.DrawRect(x, Height - 92, 9, 100, paint);
                break;
            default:
                paint.IsStroke = true;
                paint.StrokeWidth = 5;
                canvas.DrawCircle(x - 48, Height - 40, 38, paint);
                canvas.DrawCircle(x + 48, Height - 40, 38, paint);
                canvas.DrawLine(x - 48, Height - 40, x, Height - 84, paint);
                canvas.DrawLine(x, Height - 84, x + 48, Height - 40, paint);
                canvas.DrawLine(x - 18, Height - 95, x + 6, Height - 40, paint);
                break;
        }
    }

    /// <summary>Adds light from one side.</summary>
    private void Cast(SKCanvas canvas)
    {
        using var shader = SKShader.CreateLinearGradient(new SKPoint(Light > 0 ? Width : 0, 0), new SKPoint(Light > 0 ? 0 : Width, Height),
            [new SKColor(255, 248, 230, 34), new SKColor(10, 16, 40, 52)], SKShaderTileMode.Clamp);
        using var paint = new SKPaint { Shader = shader };
        canvas.DrawRect(0, 0, Width, Height, paint);
    }

    private byte[] Develop(SKSurface surface, SeededRandom random)
    {
        var info = new SKImageInfo(64, 128, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var small = SKSurface.Create(info);
        using (var image = surface.Snapshot())
        {
            var sigma = Blur * (float)random.NextDouble(0.6, 1.5) * Width / 64 * 0.75f;
            using var lens = new SKPaint { ImageFilter = SKImageFilter.CreateBlur(sigma, sigma) };
            using var softened = SKSurface.Create(new SKImageInfo(Width, Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
            softened.Canvas.DrawImage(image, 0, 0, lens);
            using var soft = softened.Snapshot();
            small.Canvas.DrawImage(soft, new SKRect(0, 0, 64, 128), new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        }
        var exposure = (float)random.NextDouble(0.88, 1.13);
        using var bitmap = new SKBitmap(info);
        small.ReadPixels(info, bitmap.GetPixels(), info.RowBytes, 0, 0);
        var pixels = bitmap.GetPixelSpan();
        Span<byte> developed = stackalloc byte[64 * 128 * 4];
        Span<float> rgb = stackalloc float[3];
        for (var i = 0; i < pixels.Length; i += 4)
        {
            var gray = 0.3f * pixels[i] + 0.59f * pixels[i + 1] + 0.11f * pixels[i + 2];
            for (var c = 0; c < 3; c++)
            {
                rgb[c] = (gray + (pixels[i + c] - gray) * Saturation) * Gain[c] * exposure;
                rgb[c] = 118 + (rgb[c] - 118) * Contrast + Haze + Noise * (float)random.NextGaussian();
                developed[i + c] = (byte)Math.Clamp(rgb[c], 0, 255);
            }
            developed[i + 3] = 255;
        }
        System.Runtime.InteropServices.Marshal.Copy(developed.ToArray(), 0, bitmap.GetPixels(), developed.Length);
        using var data = bitmap.Encode(SKEncodedImageFormat.Jpeg, Quality);
        return data.ToArray();
    }
}
