namespace MetricLearning;

/// <summary>The embedding spaces of published weights: how the programs that published them prepare images for tests. If
/// <see cref="WeightNames"/> has a renaming with the same name, both are for the same weights.</summary>
/// <remarks>The size is that of most of a program's weights. If that of your weights differs, change it:
/// <c>PublishedSpaces.FastReId with { Height = 384 }</c>. Thread safety: immutable; any number of threads may use it at once.</remarks>
public static class PublishedSpaces
{
    private static readonly float[] imageNetMean = [0.485f, 0.456f, 0.406f], imageNetDeviation = [0.229f, 0.224f, 0.225f];
    private static readonly float[] half = [0.5f, 0.5f, 0.5f];

    /// <summary>torchreid: 256 x 128, bilinear, ImageNet's mean and deviation.</summary>
    public static EmbeddingSpace TorchReId { get; } = Of(256, 128, "bilinear", imageNetMean, imageNetDeviation);

    /// <summary>reid-strong-baseline (Bag of Tricks): 256 x 128, bilinear, ImageNet's mean and deviation.</summary>
    public static EmbeddingSpace StrongBaseline { get; } = TorchReId;

    /// <summary>fast-reid: 256 x 128, bicubic, ImageNet's mean and deviation.</summary>
    public static EmbeddingSpace FastReId { get; } = TorchReId with { Interpolation = "bicubic" };

    /// <summary>TransReID: 256 x 128, mean and deviation 0.5. It trains with bicubic images and tests with bilinear ones.</summary>
    public static EmbeddingSpace TransReId { get; } = Of(256, 128, "bilinear", half, half);

    /// <summary>SOLIDER's person re-identification (SOLIDER-REID, Swin transformers): 384 x 128, mean and deviation 0.5. It trains with
    /// bicubic images and tests with bilinear ones.</summary>
    public static EmbeddingSpace Solider { get; } = TransReId with { Height = 384 };

    /// <summary>timm's vision transformers: 224 x 224, bicubic, mean and deviation 0.5.</summary>
    public static EmbeddingSpace Timm { get; } = Of(224, 224, "bicubic", half, half);

    /// <summary>torchvision's classifiers: 224 x 224, bilinear, ImageNet's mean and deviation. They cut the center out of an image whose
    /// shorter side is 256; a space cannot express this.</summary>
    public static EmbeddingSpace Torchvision { get; } = TorchReId with { Height = 224, Width = 224 };

    private static EmbeddingSpace Of(int height, int width, string interpolation, float[] mean, float[] deviation) =>
        new() { Height = height, Width = width, Interpolation = interpolation, Mean = mean, Deviation = deviation };
}
