using SkiaSharp;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>Images one by one with tensor operations: converted to a tensor, resized bilinearly to 256 x 128, normalized and
/// stacked.</summary>
internal static class Loading
{
    /// <summary>[N, 3, 256, 128].</summary>
    public static Tensor Batch(string[] paths, float[] mean, float[] deviation)
    {
        using var scope = NewDisposeScope();
        var (m, s) = (tensor(mean).view(3, 1, 1), tensor(deviation).view(3, 1, 1));
        var pictures = Array.ConvertAll(paths, path =>
        {
            using var bitmap = SKBitmap.Decode(path, new SKImageInfo(64, 128, SKColorType.Rgba8888));
            var bytes = tensor(bitmap.Bytes).view(128, 64, 4).narrow(2, 0, 3);
            var picture = bytes.permute(2, 0, 1).contiguous().to(ScalarType.Float32) / 255;
            picture = nn.functional.interpolate(picture.unsqueeze(0), [256, 128], mode: InterpolationMode.Bilinear, align_corners: false)
                .squeeze(0);
            return (picture - m) / s;
        });
        return stack(pictures).MoveToOuterDisposeScope();
    }
}
