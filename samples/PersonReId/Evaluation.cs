using MetricLearning;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace PersonReId;

/// <summary>Features, figures, and all that the report shows of a network at one moment.</summary>
internal static class Evaluation
{
    /// <summary>The embeddings of all pictures of a list.</summary>
    public static EmbeddingSet Extract(
        EmbeddingModel model, ImageList images, NetworkSettings settings, string what, CancellationToken cancel)
    {
        var loader = new ImageLoader(images, ImageTransform.ForEvaluation(settings.Height, settings.Width))
        {
            Workers = settings.Workers,
            Device = Networks.DeviceOf(settings),
        };
        using var bar = new Bar($"features of {what}", images.Count);
        return loader.Extract(model.Embed, progress: (done, _) => bar.To(done), cancel: cancel);
    }

    /// <summary>Query and gallery through the network, ranked and judged by the Market-1501 protocol.</summary>
    public static RetrievalReport Evaluate(
        EmbeddingModel model, ReIdDataset data, NetworkSettings settings, Distance distance, CancellationToken cancel)
    {
        using var query = Extract(model, data.Query, settings, "query", cancel);
        using var gallery = Extract(model, data.Gallery, settings, "gallery", cancel);
        return Evaluator(distance).Evaluate(query, gallery);
    }

    public static RetrievalEvaluator Evaluator(Distance distance) => new() { Distance = distance, Protocol = RetrievalProtocol.Market1501 };

    /// <summary>Figures, curves, distances, the plane and ranked lists, and the whole evaluation.</summary>
    /// <param name="name">The moment: "before training".</param>
    /// <param name="model">The network.</param>
    /// <param name="data">Query and gallery.</param>
    /// <param name="settings">How it runs.</param>
    /// <param name="distance">By which pictures are ranked.</param>
    /// <param name="queries">Rows of the query list whose ranked lists are shown.</param>
    /// <param name="cancel">Ends it.</param>
    public static (Snapshot Snapshot, RetrievalReport Report) Snapshot(string name, EmbeddingModel model, ReIdDataset data, NetworkSettings settings, Distance distance,
        IReadOnlyList<int> queries, CancellationToken cancel)
    {
        using var query = Extract(model, data.Query, settings, "query", cancel);
        using var gallery = Extract(model, data.Gallery, settings, "gallery", cancel);
        var report = Evaluator(distance).Evaluate(query, gallery);
        return (new Snapshot
        {
            Name = name,
            Figures = Figures.Of(report),
            Cmc = report.Cmc,
            Distances = EmbeddingPlots.Histogram(query, gallery, distance),
            Projection = EmbeddingPlots.Plane(query, gallery, distance),
            Rankings = Rankings(query, gallery, data, distance, queries, top: 10),
        }, report);
    }

    /// <summary>What chosen queries find, with the pictures.</summary>
    public static IReadOnlyList<Ranking> Rankings(
        EmbeddingSet query, EmbeddingSet gallery, ReIdDataset data, Distance distance, IReadOnlyList<int> queries, int top)
    {
        using var scope = NewDisposeScope();
        using var chosen = new EmbeddingSet(query.Features[tensor(queries.Select(q => (long)q).ToArray(), device: query.Features.device)],
            queries.Select(q => query.Ids[q]), queries.Select(q => query.Cameras![q]));
        return [.. Evaluator(distance).Rank(chosen, gallery, top).Select(list => new Ranking(Thumbnail(data.Query[queries[list.Query]]),
            [.. list.Indices.Select((row, i) => new Found(Thumbnail(data.Gallery[row]), list.Distances[i], list.IsMatch[i]))]))];
    }

    /// <summary>Queries drawn at random, the same for a seed, in the order of the list.</summary>
    public static IReadOnlyList<int> SomeQueries(ReIdDataset data, int count, ulong seed)
    {
        var rows = Enumerable.Range(0, data.Query.Count).ToArray();
        new SeededRandom(seed).Shuffle<int>(rows);
        return [.. rows.Take(count).Order()];
    }

    private static Thumbnail Thumbnail(ImageSample sample) =>
        new(sample.Path, $"{Path.GetFileName(sample.Path)}: person {sample.Identity}, camera {sample.Camera}");
}
