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

    public static IEnumerable<Case> All => [Loading(256), Extraction(32, "OSNet x0.25", OSNet.X025), Extraction(32, "ResNet-18", () => ResNet.ResNet18())];

    private static Case Loading(int count) =>
        new("loading", "JPEG 64 x 128 → 128 x 256, normalised, batches of 64", $"{count} pictures", device =>
        {
            var folder = new Pictures(count);
            var loader = new ImageLoader(folder.Images, ImageTransform.ForEvaluation()) { Device = device };
            return new(folder)
            {
                Ours = Work.Scoped(() => [cat([.. loader.Batches(64).Select(Means)])]),
                Naive = Work.Scoped(() => [cat([.. folder.Paths.Chunk(64).Select(paths => Naive.Loading.Batch(paths, mean, deviation).to(device).mean([2, 3]))])]),
                Floor = () =>
                {
                    foreach (var path in folder.Paths) SKBitmap.Decode(path).Dispose();
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
            Agreement = new(5e-3),             // the partner does not round to bytes after it resizes
            Guarded = true,
        };

    private static Case Extraction(int count, string name, Func<Backbone> backbone) =>
        new("loading", $"features of {name}", $"{count} pictures", device =>
        {
            var folder = new Pictures(count);
            random.manual_seed(1);
            var model = new EmbeddingModel(backbone());
            model.to(device);
            model.eval();
            var loader = new ImageLoader(folder.Images, ImageTransform.ForEvaluation()) { Device = device };
            using (no_grad())
            {
                var ready = folder.Paths.Chunk(16).Select(paths => Naive.Loading.Batch(paths, mean, deviation).to(device)).ToArray();
                return new([folder, model, .. ready])
                {
                    Ours = () =>
                    {
                        using var set = loader.Extract(model.Embed, batchSize: 16);
                        return [set.Features.alias()];
                    },
                    Naive = WithoutGradient(() => cat([.. folder.Paths.Chunk(16).Select(paths => model.Embed(Naive.Loading.Batch(paths, mean, deviation).to(device)))])),
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

    /// <summary>A folder of drawn pictures, which is deleted with it.</summary>
    private sealed class Pictures : IDisposable
    {
        private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("benchmark");

        public Pictures(int count)
        {
            var random = new Random(1);
            Paths = [.. Enumerable.Range(0, count).Select(i => Path.Combine(folder.FullName, $"{i / 4:D4}_c{i % 4 + 1}s1_{i:D6}_01.jpg"))];
            foreach (var path in Paths) Draw(path, random);
            Images = ImageList.FromNamedFiles(folder.FullName);
        }

        public string[] Paths { get; }

        public ImageList Images { get; }

        public void Dispose() => folder.Delete(recursive: true);

        private static void Draw(string path, Random random)
        {
            using var bitmap = new SKBitmap(64, 128);
            using var canvas = new SKCanvas(bitmap);
            canvas.Clear(Colour());
            for (var i = 0; i < 40; i++)
            {
                using var paint = new SKPaint { Color = Colour() };
                canvas.DrawOval(random.Next(64), random.Next(128), random.Next(2, 20), random.Next(2, 20), paint);
            }
            using var data = bitmap.Encode(SKEncodedImageFormat.Jpeg, 90);
            File.WriteAllBytes(path, data.ToArray());

            SKColor Colour() => new((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256));
        }
    }
}
