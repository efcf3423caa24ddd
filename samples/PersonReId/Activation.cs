using System.Runtime.InteropServices;
using MetricLearning;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace PersonReId;

/// <summary>Draws images with an overlay that shows where a network's features are strong, as torchreid does.</summary>
internal static class Activation
{
    private const double Strength = 0.7;    // the weight of the colors over the image

    /// <summary>Computes one overlay per image from the feature map of the backbone.</summary>
    public static IReadOnlyList<ActivationPicture> Of(EmbeddingModel model, IReadOnlyList<ImageSample> pictures, NetworkSettings settings,
        CancellationToken cancellationToken)
    {
        using var mode = new EvaluationMode(model);
        var transform = ImageTransform.For(Networks.SpaceOf(settings, model));
        return [.. pictures.Select(picture => new ActivationPicture(new Thumbnail(picture.Path, Path.GetFileName(picture.Path)),
            Overlay(picture.Path)))];

        byte[] Overlay(string path)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var image = transform.Read(path).to(Networks.DeviceOf(settings));
            var map = ActivationMaps.Of(LayerFeatures.Of(model, image, "backbone")).unsqueeze(0);
            map = nn.functional.interpolate(map, [settings.Height, settings.Width], mode: InterpolationMode.Bilinear, align_corners: false);
            map = ((map - map.min()) / (map.max() - map.min()).clamp_min(1e-12)).cpu();
            var picture = Picture.Load(path);
            new Resize(settings.Height, settings.Width).Apply(picture, new SeededRandom(0));
            Color(picture.Pixels, MemoryMarshal.Cast<byte, float>(map.bytes));
            return Pictures.Png(picture);
        }
    }

    /// <summary>Colors from blue through green and yellow to red, like the color map "jet".</summary>
    private static void Color(Span<byte> pixels, ReadOnlySpan<float> map)
    {
        for (var i = 0; i < map.Length; i++)
            for (var channel = 0; channel < 3; channel++)
            {
                var color = Math.Clamp(1.5 - Math.Abs(4 * map[i] - (3 - channel)), 0, 1) * 255;
                ref var value = ref pixels[i * Picture.BytesPerPixel + channel];
                value = (byte)Math.Round(Strength * color + (1 - Strength) * value);
            }
    }
}
