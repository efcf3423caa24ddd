using System.IO.Compression;
using MetricLearning.Testing;
using SkiaSharp;

namespace MetricLearning.Vision.Tests;

/// <summary>A folder with images that the test draws. It is deleted after the test.</summary>
public sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("vision-tests-").FullName;

    public string Under(params string[] parts)
    {
        var path = System.IO.Path.Combine([Path, .. parts]);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        return path;
    }

    /// <summary>Draws an image that is different for every number.</summary>
    public string Draw(string name, int number = 0, int width = 24, int height = 48)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using (var canvas = new SKCanvas(bitmap))
        {
            canvas.Clear(new SKColor((byte)(number * 37), (byte)(number * 91), (byte)(255 - number * 53)));
            using var paint = new SKPaint { Color = new SKColor((byte)(200 - number * 11), 40, (byte)(number * 29)) };
            canvas.DrawOval(width / 2f, height / 3f, width / 4f, height / 5f, paint);
            canvas.DrawRect(number % width, height / 2f, width / 3f, height / 3f, paint);
        }
        return Save(name, bitmap);
    }

    public string Save(string name, SKBitmap bitmap)
    {
        var path = Under(name);
        using var file = File.Create(path);
        var format = name.EndsWith(".png", StringComparison.Ordinal) ? SKEncodedImageFormat.Png : SKEncodedImageFormat.Jpeg;
        Assert.True(bitmap.Encode(file, format, 92));
        return path;
    }

    public string Write(string name, params byte[] bytes)
    {
        var path = Under(name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    /// <summary>Unpacks the wanted files of an archive of real images, which is in the folder next to the checkout.</summary>
    public void Unpack(string archive, Func<string, bool> wanted)
    {
        using var zip = ZipFile.OpenRead(SharedData.Require("data", archive));
        foreach (var entry in zip.Entries)
            if (entry.Name.Length > 0 && wanted(entry.FullName)) entry.ExtractToFile(Under(entry.FullName));
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
