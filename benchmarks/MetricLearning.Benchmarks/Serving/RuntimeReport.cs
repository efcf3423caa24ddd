using System.Diagnostics;
using MetricLearning.Onnx;
using MetricLearning.Tests;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Measures how many images a second a network embeds in three ways on the same threads: the model itself, its
/// <see cref="InferenceModel"/>, and ONNX Runtime.</summary>
internal static class RuntimeReport
{
    private const int Rounds = 7;

    /// <summary>libtorch compiles an inference model during its first calls.</summary>
    private const int FirstCalls = 3;

    private static readonly TimeSpan round = TimeSpan.FromSeconds(0.15);

    private static readonly int[] batches = [1, 8];

    /// <summary>Prints a row of Markdown for each backbone of docs/backbones.md whose name has one of the texts. Without texts, it prints
    /// all.</summary>
    public static int Run(IReadOnlyList<string> texts, int threads)
    {
        Line("| backbone | model, 1 image | inference model, 1 image | ONNX Runtime, 1 image | model, 8 images | inference model, 8 images "
            + "| ONNX Runtime, 8 images |");
        Line("|---|---:|---:|---:|---:|---:|---:|");
        foreach (var row in BackboneCatalogue.Rows)
            if (texts.Count == 0 || texts.Any(text => row.Name.Contains(text, StringComparison.OrdinalIgnoreCase))) Measure(row, threads);
        return 0;
    }

    private static void Measure(BackboneRow row, int threads)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        manual_seed(1);
        using var backbone = row.Create();
        using var model = new EmbeddingModel(backbone);
        model.eval();
        using var folded = new InferenceModel(model, row.Height, row.Width);
        var path = Path.GetTempFileName();
        try
        {
            OnnxFile.Export(model, path, new() { Space = new() { Height = row.Height, Width = row.Width } });
            using var options = new SessionOptions
            {
                IntraOpNumThreads = threads, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            };
            using var session = new InferenceSession(path, options);
            var cells = new List<string>();
            foreach (var batch in batches)
            {
                using var images = randn(batch, backbone.ImageChannels, row.Height, row.Width);
                cells.AddRange(Rates(batch, () => model.Embed(images).Dispose(), () => folded.Embed(images).Dispose(),
                    Session(session, images)).Select(Cell));
            }
            Line($"| {row.Name} | {string.Join(" | ", cells)} |");
        }
        finally
        {
            File.Delete(path);
        }

        static string Cell(double rate) => rate < 100 ? $"{rate:0.0}" : $"{rate:N0}";
    }

    private static Action Session(InferenceSession session, Tensor images)
    {
        var values = images.data<float>().ToArray();
        var shape = images.shape;
        return () =>
        {
            using var input = OrtValue.CreateTensorValueFromMemory(values, shape);
            using var run = new RunOptions();
            using var results = session.Run(run, session.InputNames, [input], session.OutputNames);
        };
    }

    /// <summary>The median of the images a second of each way. The ways run in turn.</summary>
    private static double[] Rates(int batch, params Action[] ways)
    {
        var rates = ways.Select(_ => new List<double>()).ToArray();
        for (var i = 0; i < FirstCalls; i++)
            foreach (var way in ways) way();
        for (var i = 0; i < Rounds; i++)
            for (var way = 0; way < ways.Length; way++)
            {
                var (runs, began) = (0, Stopwatch.GetTimestamp());
                do
                {
                    ways[way]();
                    runs++;
                }
                while (Stopwatch.GetElapsedTime(began) < round);
                rates[way].Add(batch * runs / Stopwatch.GetElapsedTime(began).TotalSeconds);
            }
        return [.. rates.Select(all => all.Order().ElementAt(Rounds / 2))];
    }

    private static void Line(FormattableString text) => Console.WriteLine(FormattableString.Invariant(text));

    private static void Line(string text) => Console.WriteLine(text);
}
