using MetricLearning.Vision;
using SkiaSharp;

namespace MetricLearning.Benchmarks;

/// <summary>Drawn JPEG files in a temporary folder. They are as costly to decode as photographs of their size.</summary>
internal sealed class DrawnPictures : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("drawn-pictures-");

    public DrawnPictures(int count, int width, int height)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var canvas = new SKCanvas(bitmap);
        Images = new(Enumerable.Range(0, count).Select(i =>
        {
            using var noise = SKShader.CreatePerlinNoiseFractalNoise(4f / width, 4f / width, 6, i);
            using var paint = new SKPaint { Shader = noise };
            canvas.Clear(SKColors.Gray);
            canvas.DrawPaint(paint);
            var path = Path.Combine(folder.FullName, $"{i:0000}.jpg");
            using var file = File.Create(path);
            bitmap.Encode(file, SKEncodedImageFormat.Jpeg, 90);
            return new ImageSample(path, i / 4, i % 4);
        }).ToArray());
    }

    public ImageList Images { get; }

    /// <summary>The mean size of a file in bytes.</summary>
    public double Bytes => Images.Average(image => new FileInfo(image.Path).Length);

    public void Dispose() => folder.Delete(recursive: true);
}
