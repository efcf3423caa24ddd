using MetricLearning.Vision;
using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Reading and transforming drawn JPEG files, and extracting features of them.</summary>
internal static class LoaderCases
{
    private static readonly float[] mean = [0.485f, 0.456f, 0.406f];
    private static readonly float[] deviation = [0.229f, 0.224f, 0.225f];

    public static IEnumerable<Case> All =>
        [Loading(256), Extraction(32, "OSNet x0.25", () => OSNet.X025()), Extraction(32, "ResNet-18", () => ResNet.ResNet18())];

    private static Case Loading(int count) =>
        new("loading", "JPEG 64 x 128 → 128 x 256, normalized, batches of 64", $"{count} pictures", device =>
        {
            var folder = new DrawnPictures(count, 64, 128);
            string[] paths = [.. folder.Images.Select(image => image.Path)];
            var loader = new ImageLoader(folder.Images, ImageTransform.ForEvaluation()) { Device = device };
            return new(folder)
            {
                Ours = Work.Scoped(() => [cat([.. loader.Batches(64).Select(Means)])]),
                Naive = Work.Scoped(() =>
                    [cat([.. paths.Chunk(64).Select(some => Naive.Loading.Batch(some, mean, deviation).to(device).mean([2, 3]))])]),
                Floor = () =>
                {
                    foreach (var path in paths) SKBitmap.Decode(path).Dispose();
                    return [];
                },
            };

            static Tensor Means(ImageBatch batch)
            {
                using (batch) return batch.Images.mean([2, 3]);
            }
        })
        {
            Floor = "decoding, one thread",
            Agreement = new(0.03),             // values near 0; the partner does not round to bytes after it resizes
        };

    private static Case Extraction(int count, string name, Func<Backbone> backbone) =>
        new("loading", $"features of {name}", $"{count} pictures", device =>
        {
            var folder = new DrawnPictures(count, 64, 128);
            string[] paths = [.. folder.Images.Select(image => image.Path)];
            random.manual_seed(1);
            var model = new EmbeddingModel(backbone());
            model.to(device);
            model.eval();
            var loader = new ImageLoader(folder.Images, ImageTransform.ForEvaluation()) { Device = device };
            using (no_grad())
            {
                var ready = paths.Chunk(16).Select(some => Naive.Loading.Batch(some, mean, deviation).to(device)).ToArray();
                return new([folder, model, .. ready])
                {
                    Ours = () =>
                    {
                        using var set = loader.Extract(model.Embed, batchSize: 16);
                        return [set.Features.alias()];
                    },
                    Naive = WithoutGradient(() =>
                        cat([.. paths.Chunk(16).Select(some => model.Embed(Naive.Loading.Batch(some, mean, deviation).to(device)))])),
                    Floor = WithoutGradient(() => cat([.. ready.Select(model.Embed)])),
                };
            }
        })
        {
            Floor = "the network on batches in memory",
            Agreement = new(0.05),
        };

    private static Func<Tensor[]> WithoutGradient(Func<Tensor> features) => Work.Scoped(() =>
    {
        using var noGradient = no_grad();
        return [features()];
    });
}
