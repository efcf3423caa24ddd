using System.Diagnostics;
using MetricLearning.Vision.Tests;

namespace MetricLearning.Vision.Serving.Tests;

/// <summary>Tests that an upload becomes the input of a network in a process without TorchSharp's native library.</summary>
public class ImageInputTests
{
    [Fact]
    public async Task AnUpload_BecomesTheInputOfANetwork()
    {
        using var upload = new MemoryStream(SampleImages.Palette);
        var picture = await Picture.LoadAsync(upload, maxPixels: 1 << 20, maxBytes: 1 << 20, name: "palette.png");
        var transform = new ImageTransform(new Resize(16, 16), new Normalize([0, 0, 0], [1, 1, 1]));
        var values = transform.ToArray(picture);
        Assert.Equal(3 * 16 * 16, values.Length);
        for (var pixel = 0; pixel < 16 * 16; pixel++)
            for (var channel = 0; channel < 3; channel++)
                Assert.Equal(picture.Pixels[Picture.BytesPerPixel * pixel + channel] / 255f, values[256 * channel + pixel]);
        Assert.Equal(3 * 256 * 128, ImageTransform.ForEvaluation().ToArray(picture).Length);
        Assert.Equal(3 * 64 * 32, ImageTransform.ForTraining(64, 32).ToArray(picture, new SeededRandom(3)).Length);
        NothingNativeIsLoaded();
    }

    [Fact]
    public void ABrokenUpload_IsRefused()
    {
        Assert.Throws<InvalidDataException>(() => Picture.Load(SampleImages.Progressive.AsSpan(0, 300)));
        Assert.Throws<InvalidDataException>(() => Picture.Load(SampleImages.Palette, maxPixels: 255));
        NothingNativeIsLoaded();
    }

    private static void NothingNativeIsLoaded()
    {
        using var process = Process.GetCurrentProcess();
        var names = process.Modules.Cast<ProcessModule>().Select(module => module.ModuleName).ToArray();
        Assert.Contains(names, name => name.Contains("SkiaSharp", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(names, name => name.Contains("LibTorch", StringComparison.OrdinalIgnoreCase)
            || name.Contains("torch_cpu", StringComparison.OrdinalIgnoreCase));
    }
}
