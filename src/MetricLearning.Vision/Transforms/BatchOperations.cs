using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Changes some images of a batch, or parts of them.</summary>
internal static class BatchOperations
{
    /// <summary>A view of a rectangle of one image: [C, height, width].</summary>
    public static Tensor Part(Tensor images, int picture, int top, int left, int height, int width) =>
        images.select(0, picture).narrow(1, top, height).narrow(2, left, width);

    /// <summary>Draws one number per image and returns the images whose number is below the probability.</summary>
    public static int[] Chosen(IReadOnlyList<SeededRandom> random, double probability) =>
        [.. Enumerable.Range(0, random.Count).Where(i => random[i].NextDouble() < probability)];

    /// <summary>Applies <paramref name="change"/> to the chosen images of a copy of the batch.</summary>
    public static Tensor Change(Tensor images, int[] chosen, Func<Tensor, Tensor> change)
    {
        if (chosen.Length == 0) return images;
        if (chosen.Length == images.size(0)) return change(images);
        var places = tensor(chosen.Select(i => (long)i).ToArray(), ScalarType.Int64, images.device);
        return images.index_copy(0, places, change(images.index_select(0, places)));
    }
}
