using System.IO.Compression;
using System.Text.Json;
using MetricLearning.Onnx.Runtime;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>Tests that the exported OSNet gives PyTorch's features and mAP for the JPEG files of a dataset.</summary>
public class RealPicturesTests
{
    private const string Network = "osnet_x0_25_msmt17", Set = "market1501-a";

    [Fact]
    public async Task TheExportedNetwork_GivesTheReferencesFigures()
    {
        var (weights, pictures, features, figures) = (SharedData.Require("data", "checkpoints", Network + ".pth"),
            SharedData.Require("data", Set + ".zip"), SharedData.Require("data", "golden", $"{Set}_{Network}.npz"),
            SharedData.Require("data", "golden", "metrics.json"));
        var folder = Directory.CreateTempSubdirectory("onnx").FullName;
        try
        {
            var path = Path.Combine(folder, "network.onnx");
            Export(weights, path);
            using var archive = ZipFile.OpenRead(pictures);
            using var embedder = new OnnxEmbedder(path);
            var query = await Embed(embedder, archive, features, "query");
            var gallery = await Embed(embedder, archive, features, "gallery");
            using var reference = JsonDocument.Parse(File.ReadAllText(figures));
            Check(features, query, gallery, reference.RootElement);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Export(string weights, string path)
    {
        using var scope = NewDisposeScope();
        using var model = EmbeddingModel.TorchReId(OSNet.X025());
        model.LoadWeights(weights, rename: WeightNames.TorchReId(classifier: false));
        OnnxFile.Export(model, path, new()
        {
            Space = new()
            {
                Height = 256,
                Width = 128,
                Mean = [0.485f, 0.456f, 0.406f],
                Deviation = [0.229f, 0.224f, 0.225f],
            },
        });
    }

    private static async Task<float[][]> Embed(OnnxEmbedder embedder, ZipArchive archive, string features, string part)
    {
        var folder = part == "query" ? "query" : "bounding_box_test";
        string[] files;
        using (var arrays = new NumPyArchive(features)) files = arrays.ReadText(part + "_files");
        var images = files.Select(file => Contents(archive.GetEntry($"{Set}/{folder}/{file}")!)).ToArray();
        return await Task.WhenAll(images.Select(image => Task.Run(() => embedder.EmbedAsync(image))));
    }

    private static byte[] Contents(ZipArchiveEntry entry)
    {
        using var stream = entry.Open();
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }

    private static void Check(string features, float[][] query, float[][] gallery, JsonElement figures)
    {
        using var scope = NewDisposeScope();
        using var arrays = new NumPyArchive(features);
        using var queries = SetOf("query", query);
        using var galleries = SetOf("gallery", gallery);
        foreach (var (name, distance) in new[] { ("euclidean", Distance.Euclidean), ("cosine", Distance.Cosine) })
        {
            var evaluator = new RetrievalEvaluator { Protocol = RetrievalProtocol.Market1501, Distance = distance };
            var report = evaluator.Evaluate(queries, galleries);
            var expected = figures.GetProperty(Set).GetProperty("checkpoints").GetProperty(Network).GetProperty(name);
            Assert.Equal(expected.GetProperty("mAP").GetDouble(), report.MeanAveragePrecision, 1e-4);
        }

        EmbeddingSet SetOf(string part, float[][] rows)
        {
            Numbers.Near(arrays.Read(part + "_feat"), tensor(rows.SelectMany(row => row).ToArray()).reshape(rows.Length, -1));
            return EmbeddingSet.FromRows(rows, Numbered("pid"), Numbered("cam"));

            long[] Numbered(string what) => arrays.Read($"{part}_{what}").to(ScalarType.Int64).data<long>().ToArray();
        }
    }
}
