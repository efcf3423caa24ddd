using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>The operations of <see cref="PillowColor"/> on whole batches [N, 3, H, W], uint8, on any device. The results match bit for
/// bit.</summary>
internal static class BatchColor
{
    private static readonly int[] lumaWeights = [19595, 38470, 7471];

    /// <summary>The brightness: [N, 1, H, W] uint8.</summary>
    public static Tensor Luma(Tensor images)
    {
        var weights = tensor(lumaWeights, ScalarType.Int32, images.device).view(1, 3, 1, 1);
        return ((images.to(ScalarType.Int32) * weights).sum([1], keepdim: true, ScalarType.Int32) + S(0x8000))
            .div(S(0x10000), RoundingMode.floor).to(ScalarType.Byte);
    }

    public static Tensor Gray(Tensor images) => Luma(images).expand(images.shape).contiguous();

    public static Tensor Brightness(Tensor images, Tensor factors) => Blend(zeros_like(images), images, factors);

    public static Tensor Contrast(Tensor images, Tensor factors)
    {
        var pixels = images.size(2) * images.size(3);
        var sum = Luma(images).sum([1, 2, 3], keepdim: true, ScalarType.Int64);
        return Blend((sum * S(2) + S(pixels)).div(S(2 * pixels), RoundingMode.floor), images, factors);
    }

    public static Tensor Saturation(Tensor images, Tensor factors) => Blend(Luma(images), images, factors);

    /// <summary>Blends in float32 and truncates: <paramref name="from"/> at factor 0, <paramref name="to"/> at factor 1.</summary>
    private static Tensor Blend(Tensor from, Tensor to, Tensor factors)
    {
        var start = from.to(ScalarType.Float32);
        return (to.to(ScalarType.Float32) - start).mul_(factors).Plus_(start).clamp_(S(0), S(255)).to(ScalarType.Byte);
    }
}
