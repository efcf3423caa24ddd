using MetricLearning;
using SkiaSharp;

namespace PersonReId.Synthetic;

/// <summary>The wide background of a camera; each image shows a part of it behind the person.</summary>
internal static class Scene
{
    private const int Width = 1500, Height = 440, Horizon = 200;

    public static SKImage Draw(int number, SeededRandom random)
    {
        using var surface = SKSurface.Create(new SKImageInfo(Width, Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var painter = new ScenePainter(surface.Canvas, random);
        switch (number % 6)
        {
            case 1: painter.Park(); break;
            case 2: painter.BrickWall(); break;
            case 3: painter.Shops(); break;
            case 4: painter.CarPark(); break;
            case 5: painter.Corridor(); break;
            default: painter.Square(); break;
        }
        using var sharp = surface.Snapshot();
        using var blurred = SKSurface.Create(new SKImageInfo(Width, Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using var paint = new SKPaint { ImageFilter = SKImageFilter.CreateBlur(1.6f, 1.6f) };
        blurred.Canvas.DrawImage(sharp, 0, 0, paint);
        return blurred.Snapshot();
    }

    private sealed class ScenePainter(SKCanvas canvas, SeededRandom random)
    {
        public void Park()
        {
            Gradient(0, Horizon, "bcd3e2", "dfe6dc");
            Blobs(150, 120, Horizon - 10, "3f5f38 55744a 6b8a58 2f4a2d", 20, 58);
            Gradient(Horizon, Height, "7f9a5a", "5f7c40");
            Speckle(2600, Horizon, Height, "6f8c4c 8aa565 58743b", 3);
            Quad("b9ab92", -40, 330, Width + 40, 300, Width + 40, 385, -40, 420);
            for (var x = 60f; x < Width; x += (float)random.NextDouble(150, 330))
            {
                Rect("4d3d2c", x, 60, 20, 190);
                Blob("466a3b", x + 10, 50, 64);
                Blob("577d48", x + 30, 30, 48);
            }
        }

        public void BrickWall()
        {
            Gradient(0, 290, "8f5848", "7c4a3c");
            for (var row = 0; row < 20; row++)
                for (var i = 0; i < 42; i++)
                    Rect(Of("9a6250 8a5545 a56d58 7d4c3e"), i * 37 + row % 2 * 18 - 18, row * 15, 34, 12);
            for (var x = 120f; x < Width; x += (float)random.NextDouble(240, 420))
            {
                Rect("d8d4ca", x - 6, 24, 112, 142);
                Gradient(30, 160, "46586a", "25303b", x, x + 100);
                Rect("d8d4ca", x + 47, 30, 6, 130);
            }
            Gradient(290, Height, "a5a29b", "8d8a84");
            for (var x = -200; x < Width + 200; x += 90) Line("7c7973", x, 290, x - 120, Height, 3);
            Line("7c7973", 0, 345, Width, 345, 3);
            Rect("6c6a66", 0, 284, Width, 8);
        }

        public void Shops()
        {
            Gradient(0, 270, "d9d2c5", "c4bcae");
            for (var x = 20f; x < Width; x += 250)
            {
                Rect(Of("264653 7a2e2e 2f5d50 6a4c7d b5832f"), x, 14, 220, 40);
                for (var i = 0; i < 7; i++) Rect("f2eee4", x + 28 + i * 24, 26, 14, 14);
                Gradient(60, 262, "9fb6c2", "566a74", x, x + 220);
                for (var i = 0; i < 5; i++) Rect(Of("e8d9b5 c98b6b 7f9aa6 efe9dd 4a5258 b65c5c"), x + 14 + i * 42, 150 + random.NextInt(40),
                    26, 70);
                Quad("ffffff40", x + 30, 60, x + 80, 60, x + 30, 262, x - 20 + 30, 262);
                Rect("3b3f42", x + 108, 60, 5, 202);
            }
            Gradient(270, Height, "cfcac0", "aaa59b");
            Tiles("b7b2a7", 270);
        }

        public void CarPark()
        {
            Gradient(0, 130, "c9d2d8", "e3e5e2");
            Rect("a9a396", 0, 96, Width, 60);
            for (var x = 0; x < Width; x += 44) Rect("6a737a", x, 104, 28, 34);
            Gradient(150, Height, "75777a", "58595b");
            Speckle(3000, 150, Height, "67686a 838487 4f5052", 2);
            for (var x = -100; x < Width; x += 150) Quad("e6e4da", x, 190, x + 9, 190, x - 62, Height, x - 78, Height);
            for (var x = 30f; x < Width; x += (float)random.NextDouble(150, 300))
            {
                var car = Of("b23a3a 2f4a6b d9d9d6 3c3f41 8a8f94 5c6f4a");
                RoundRect(car, x, 172, 170, 56, 20);
                RoundRect(car, x + 30, 134, 104, 56, 24);
                RoundRect("2b343b", x + 40, 142, 38, 32, 8);
                RoundRect("2b343b", x + 86, 142, 38, 32, 8);
                Blob("1b1b1c", x + 38, 228, 20);
                Blob("1b1b1c", x + 132, 228, 20);
            }
        }

        public void Corridor()
        {
            Gradient(0, 60, "f2f0ea", "e4e1d8");
            Gradient(60, 300, "d6d9d2", "bfc4bd");
            for (var x = 0; x < Width; x += 210)
            {
                Rect("f8f6ef", x + 20, 18, 120, 14);
                Rect(Of("8c6f4e 7a6046 99805f"), x + 30, 92, 96, 208);
                Rect("c9a45a", x + 108, 196, 9, 9);
                Rect(Of("3f6d8a a14f3f e0c45a 5f7a54"), x + 152, 120, 40, 54);
            }
            Rect("7f857f", 0, 292, Width, 9);
            Gradient(300, Height, "b6ab97", "93876f");
            for (var x = 40; x < Width; x += 170) Quad("ffffff38", x, 300, x + 60, 300, x + 46, Height, x - 40, Height);
        }

        public void Square()
        {
            Gradient(0, 170, "4d5a78", "b78f86");
            for (var x = 0f; x < Width;)
            {
                var w = (float)random.NextDouble(80, 190);
                var top = (float)random.NextDouble(10, 90);
                Rect(Of("4c4a58 5b5560 3d4252 665b60"), x, top, w, 240 - top);
                for (var wy = top + 14; wy < 200; wy += 30)
                    for (var wx = x + 12; wx < x + w - 16; wx += 26)
                        if (random.NextDouble() < 0.75) Rect(Of("f0cf86 353a49 353a49 d8b56e"), wx, wy, 13, 17);
                x += w;
            }
            Gradient(235, Height, "837a78", "5d5759");
            Tiles("6c6464", 235);
            for (var x = 70f; x < Width; x += (float)random.NextDouble(200, 380))
            {
                Rect("2b2c33", x, 70, 9, 250);
                Blob("f6dd9c", x + 4, 62, 17);
            }
        }

        private SKColor Of(string choices)
        {
            var all = choices.Split(' ');
            return SKColor.Parse(all[random.NextInt(all.Length)]);
        }

        private void Tiles(string color, int top)
        {
            for (var y = top + 12f; y < Height; y += 10 + (y - top) * 0.28f) Line(color, 0, y, Width, y, 2);
            for (var x = -1200; x < Width + 1200; x += 80) Line(color, Width / 2f + (x - Width / 2f) * 0.8f, top,
                Width / 2f + (x - Width / 2f) * 1.3f, Height, 2);
        }

        private void Gradient(float top, float bottom, string from, string to, float left = 0, float right = Width)
        {
            using var shader = SKShader.CreateLinearGradient(new SKPoint(0, top), new SKPoint(0, bottom),
                [SKColor.Parse(from), SKColor.Parse(to)], SKShaderTileMode.Clamp);
            using var paint = new SKPaint { Shader = shader };
            canvas.DrawRect(left, top, right - left, bottom - top, paint);
        }

        private void Rect(string color, float x, float y, float w, float h) => Rect(SKColor.Parse(color), x, y, w, h);

        private void Rect(SKColor color, float x, float y, float w, float h)
        {
            using var paint = new SKPaint { Color = color };
            canvas.DrawRect(x, y, w, h, paint);
        }

        private void RoundRect(string color, float x, float y, float w, float h, float r) => RoundRect(SKColor.Parse(color), x, y, w, h, r);

        private void RoundRect(SKColor color, float x, float y, float w, float h, float r)
        {
            using var paint = new SKPaint { Color = color, IsAntialias = true };
            canvas.DrawRoundRect(x, y, w, h, r, r, paint);
        }

        private void Line(string color, float x1, float y1, float x2, float y2, float width)
        {
            using var paint = new SKPaint { Color = SKColor.Parse(color), StrokeWidth = width, IsAntialias = true };
            canvas.DrawLine(x1, y1, x2, y2, paint);
        }

        /// <summary>A quadrilateral. A color of eight digits is red, green, blue and opacity.</summary>
        private void Quad(string color, float x1, float y1, float x2, float y2, float x3, float y3, float x4, float y4)
        {
            var parsed = SKColor.Parse(color[..6]);
            if (color.Length == 8) parsed = parsed.WithAlpha(Convert.ToByte(color[6..], 16));
            using var paint = new SKPaint { Color = parsed, IsAntialias = true };
            using var path = new SKPath();
            path.AddPoly([new(x1, y1), new(x2, y2), new(x3, y3), new(x4, y4)]);
            canvas.DrawPath(path, paint);
        }

        private void Blob(string color, float x, float y, float radius)
        {
            using var paint = new SKPaint { Color = SKColor.Parse(color), IsAntialias = true };
            canvas.DrawCircle(x, y, radius, paint);
        }

        private void Blobs(int count, int top, int bottom, string colors, int small, int large)
        {
            for (var i = 0; i < count; i++)
            {
                using var paint = new SKPaint { Color = Of(colors), IsAntialias = true };
                canvas.DrawCircle(random.NextInt(Width), top + random.NextInt(bottom - top), small + random.NextInt(large - small), paint);
            }
        }

        private void Speckle(int count, int top, int bottom, string colors, float size)
        {
            for (var i = 0; i < count; i++)
            {
                using var paint = new SKPaint { Color = Of(colors) };
                canvas.DrawRect(random.NextInt(Width), top + random.NextInt(bottom - top), size * 2, size, paint);
            }
        }
    }
}
