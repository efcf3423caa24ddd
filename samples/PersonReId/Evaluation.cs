using MetricLearning;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace PersonReId;

/// <summary>Features, figures, and all that the report shows of a network at one moment.</summary>
internal static class Evaluation
{
    /// <summary>The embeddings of all pictures of a list, mean over the views of the settings.</summary>
    public static EmbeddingSet Extract(EmbeddingModel model, ImageList images, NetworkSettings settings, string what,
        CancellationToken cancel,
        ExtractionJournal? journal = null)
    {
        using var mode = new EvaluationMode(model);     // training may go on afterwards
        var transform = ImageTransform.ForEvaluation(settings.Height, settings.Width, Networks.NormalizationOf(model));
        var loader = new ImageLoader(images, transform)
        {
            Workers = settings.Workers,
            Device = Networks.DeviceOf(settings),
        };
        var extractor = new FeatureExtractor(model, settings.Layer) { Flip = settings.Flip, Scales = settings.Scales };
        using var bar = new Bar($"features of {what}", images.Count);
        return loader.Extract(extractor.Extract, progress: (done, _) => bar.To(done), journal: journal, cancel: cancel);
    }

    /// <summary>Query and gallery, once where they are one.</summary>
    public static (EmbeddingSet Query, EmbeddingSet Gallery) ExtractTest(
        EmbeddingModel model, ReIdDataset data, NetworkSettings settings, CancellationToken cancel)
    {
        var query = Extract(model, data.Query, settings, "query", cancel);
        if (ReferenceEquals(data.Query, data.Gallery)) return (query, query);
        try
        {
            return (query, Extract(model, data.Gallery, settings, "gallery", cancel));
        }
        catch
        {
            query.Dispose();
            throw;
        }
    }

    /// <summary>Query and gallery through the network, ranked and judged by the dataset's protocol.</summary>
    public static RetrievalReport Evaluate(
        EmbeddingModel model, ReIdDataset data, NetworkSettings settings, Distance distance, CancellationToken cancel)
    {
        var (query, gallery) = ExtractTest(model, data, settings, cancel);
        using (query)
        using (gallery)
            return Evaluator(data, distance).Evaluate(query, gallery);
    }

    public static RetrievalEvaluator Evaluator(ReIdDataset data, Distance distance) =>
        new() { Distance = distance, Protocol = data.Protocol };

    /// <summary>What does not count, in a sentence.</summary>
    public static string RulesOf(RetrievalProtocol protocol) => protocol.RemovesSelf ? "Each picture is looked for among all others."
        : protocol.Cameras == CameraFilter.None ? "Every gallery picture counts."
        : $"{protocol.Name} protocol: gallery pictures of the query’s own identity and camera do not count, nor do junk boxes.";

    /// <summary>Figures, curves, distances, the plane and ranked lists, and the whole evaluation.</summary>
    /// <param name="name">The moment: "before training".</param>
    /// <param name="model">The network.</param>
    /// <param name="data">Query and gallery.</param>
    /// <param name="settings">How it runs.</param>
    /// <param name="distance">By which pictures are ranked.</param>
    /// <param name="queries">Rows of the query list whose ranked lists are shown.</param>
    /// <param name="cancel">Ends it.</param>
    public static (Snapshot Snapshot, RetrievalReport Report) Snapshot(string name, EmbeddingModel model, ReIdDataset data,
        NetworkSettings settings, Distance distance,
        IReadOnlyList<int> queries, CancellationToken cancel)
    {
        var (query, gallery) = ExtractTest(model, data, settings, cancel);
        using (query)
        using (gallery)
        {
            var report = Evaluator(data, distance).Evaluate(query, gallery);
            return (new Snapshot
            {
                Name = name,
                Figures = Figures.Of(report),
                Cmc = report.Cmc,
                Distances = EmbeddingPlots.Histogram(query, gallery, data.Protocol, distance),
                Projection = EmbeddingPlots.Plane(query, gallery, distance),
                Rankings = Rankings(query, gallery, data, distance, queries, top: 10),
                Activations = Activation.Of(model, [.. queries.Select(row => data.Query[row])], settings),
            }, report);
        }
    }

    /// <summary>What chosen queries find, with the pictures.</summary>
    public static IReadOnlyList<Ranking> Rankings(
        EmbeddingSet query, EmbeddingSet gallery, ReIdDataset data, Distance distance, IReadOnlyList<int> queries, int top)
    {
        // Where each picture is looked for among the others, the protocol knows it by its row: all queries are ranked then.
        if (data.Protocol.RemovesSelf)
        {
            var all = Evaluator(data, distance).Rank(query, gallery, top);
            return [.. queries.Select(row => Ranking(row, all[row]))];
        }
        using var scope = NewDisposeScope();
        using var chosen = new EmbeddingSet(query.Features[tensor(queries.Select(q => (long)q).ToArray(), device: query.Features.device)],
            queries.Select(q => query.Identities[q]), query.Cameras is null ? null : queries.Select(q => query.Cameras[q]));
        return [.. Evaluator(data, distance).Rank(chosen, gallery, top).Select(list => Ranking(queries[list.Query], list))];

        Ranking Ranking(int row, RankedList list) => new(Thumbnail(data.Query[row], data),
            [.. list.Indices.Select((found, i) => new Found(Thumbnail(data.Gallery[found], data), list.Distances[i], list.IsMatch[i]))]);
    }

    /// <summary>Queries drawn at random, the same for a seed, in the order of the list.</summary>
    public static IReadOnlyList<int> SomeQueries(ReIdDataset data, int count, ulong seed)
    {
        var rows = Enumerable.Range(0, data.Query.Count).ToArray();
        new SeededRandom(seed).Shuffle<int>(rows);
        return [.. rows.Take(count).Order()];
    }

    /// <summary>Some identities of a list, a picture or two a camera.</summary>
    public static IReadOnlyList<IReadOnlyList<Thumbnail>> SamplePictures(ImageList train, int identities = 5, int pictures = 15) =>
        [.. train.GroupBy(sample => sample.Identity)
            .OrderByDescending(group => group.Select(sample => sample.Camera).Distinct().Count()).ThenBy(group => group.Key)
                .Take(identities)
            .Select(IReadOnlyList<Thumbnail> (group) => [.. group.OrderBy(sample => sample.Camera).Take(pictures)
                .Select(sample => new Thumbnail(sample.Path, Path.GetFileName(sample.Path)))])];

    private static Thumbnail Thumbnail(ImageSample sample, ReIdDataset data) =>
        new(sample.Path,
            $"{Path.GetFileName(sample.Path)}: {EmbeddingPlots.Caption(sample.Identity, data.Query.HasCameras ? sample.Camera : null)}");

}
