using MetricLearning;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace PersonReId;

/// <summary>Extracts features and evaluates them, for the figures alone or with all that the report shows.</summary>
internal static class Evaluation
{
    /// <summary>The embeddings of all images of a list, averaged over the views that the settings name.</summary>
    public static EmbeddingSet Extract(EmbeddingModel model, ImageList images, NetworkSettings settings, string what,
        CancellationToken cancellationToken, ExtractionJournal? journal = null)
    {
        using var mode = new EvaluationMode(model);     // training may continue afterwards
        var space = Networks.SpaceOf(settings, model);
        var loader = new ImageLoader(images, ImageTransform.For(space))
        {
            Space = space,
            Workers = settings.Workers,
            Device = Networks.DeviceOf(settings),
        };
        var extractor = new FeatureExtractor(model, settings.Layer) { Flip = settings.Flip, Scales = settings.Scales };
        using var bar = new Bar($"features of {what}", images.Count);
        return loader.Extract(extractor.Extract, journal: journal, progress: bar.Of<ExtractionProgress>(soFar => soFar.Done),
            cancellationToken: cancellationToken);
    }

    /// <summary>The embeddings of query and gallery. If both are one list, they are extracted once.</summary>
    public static (EmbeddingSet Query, EmbeddingSet Gallery) ExtractTest(
        EmbeddingModel model, ReIdDataset data, NetworkSettings settings, CancellationToken cancellationToken)
    {
        var query = Extract(model, data.Query, settings, "query", cancellationToken);
        if (ReferenceEquals(data.Query, data.Gallery)) return (query, query);
        try
        {
            return (query, Extract(model, data.Gallery, settings, "gallery", cancellationToken));
        }
        catch
        {
            query.Dispose();
            throw;
        }
    }

    /// <summary>Extracts query and gallery, ranks them, and evaluates the ranking by the dataset's protocol.</summary>
    public static RetrievalReport Evaluate(
        EmbeddingModel model, ReIdDataset data, NetworkSettings settings, Distance distance, CancellationToken cancellationToken) =>
        EvaluateWidths(model, data, settings, distance, [], cancellationToken).Whole;

    /// <summary>Evaluates as <see cref="Evaluate"/> does. It also evaluates the first numbers of each embedding alone.</summary>
    /// <exception cref="UserErrorException">A width is above that of the embedding.</exception>
    public static (RetrievalReport Whole, IReadOnlyList<(int Width, Figures Figures)> Prefixes) EvaluateWidths(EmbeddingModel model,
        ReIdDataset data, NetworkSettings settings, Distance distance, IReadOnlyList<int> widths, CancellationToken cancellationToken)
    {
        var (query, gallery) = ExtractTest(model, data, settings, cancellationToken);
        using (query)
        using (gallery)
        {
            if (widths.Count > 0 && widths.Max() > query.Features.size(1))
                throw new UserErrorException($"--widths {widths.Max()}: the embeddings have {query.Features.size(1)} numbers.");
            var evaluator = Evaluator(data, distance);
            return (evaluator.Evaluate(query, gallery, cancellationToken: cancellationToken), [.. widths.Select(width =>
            {
                using var shortQuery = query.Prefix(width);
                using var shortGallery = ReferenceEquals(query, gallery) ? shortQuery : gallery.Prefix(width);
                return (width, Figures.Of(evaluator.Evaluate(shortQuery, shortGallery, cancellationToken: cancellationToken)));
            })]);
        }
    }

    public static RetrievalEvaluator Evaluator(ReIdDataset data, Distance distance) =>
        new() { Distance = distance, Protocol = data.Protocol };

    /// <summary>A sentence that says which gallery images do not count.</summary>
    public static string RulesOf(RetrievalProtocol protocol) => protocol.RemovesSelf ? "Each image is searched for among all others."
        : protocol.Cameras == CameraFilter.None ? "Every gallery image counts."
        : $"{protocol.Name} protocol: gallery images of the query’s own identity and camera do not count, nor do junk boxes.";

    /// <summary>Evaluates query and gallery, and collects all that the report shows of this moment.</summary>
    /// <param name="name">The moment, such as "before training".</param>
    /// <param name="model">The network.</param>
    /// <param name="data">Query and gallery.</param>
    /// <param name="settings">How the network runs.</param>
    /// <param name="distance">The distance that ranks the gallery.</param>
    /// <param name="queries">Rows of the query list whose ranked lists are shown.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static (Snapshot Snapshot, RetrievalReport Report) Snapshot(string name, EmbeddingModel model, ReIdDataset data,
        NetworkSettings settings, Distance distance, IReadOnlyList<int> queries, CancellationToken cancellationToken)
    {
        var (query, gallery) = ExtractTest(model, data, settings, cancellationToken);
        using (query)
        using (gallery)
        {
            var report = Evaluator(data, distance).Evaluate(query, gallery, cancellationToken: cancellationToken);
            return (new Snapshot
            {
                Name = name,
                Figures = Figures.Of(report),
                Cmc = report.Cmc,
                Distances = EmbeddingPlots.Histogram(query, gallery, data.Protocol, distance, cancellationToken),
                Projection = EmbeddingPlots.Plane(query, gallery, distance),
                Rankings = Rankings(query, gallery, data, distance, queries, top: 10, cancellationToken),
                Mistakes = Mistakes(report, query, gallery, data, distance, most: 12, cancellationToken),
                Activations = Activation.Of(model, [.. queries.Select(row => data.Query[row])], settings, cancellationToken),
            }, report);
        }
    }

    /// <summary>Collects the mistakes: which identity is taken for which, how often, and the nearest pair of images of each
    /// mistake.</summary>
    /// <param name="report">The evaluation. Queries without a match are no mistakes of the network, and are left out.</param>
    /// <param name="query">The queries.</param>
    /// <param name="gallery">The gallery.</param>
    /// <param name="data">Their images.</param>
    /// <param name="distance">The distance that ranks the gallery.</param>
    /// <param name="most">The greatest number of pairs. Pairs with the most queries come first, then the nearest ones.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static IReadOnlyList<Mistake> Mistakes(RetrievalReport report, EmbeddingSet query, EmbeddingSet gallery, ReIdDataset data,
        Distance distance, int most, CancellationToken cancellationToken)
    {
        var valid = report.PerQuery.Where(one => one.Skipped == SkipReason.None).Select(one => one.Query).ToHashSet();
        var queriesOf = valid.CountBy(row => data.Query[row].Identity).ToDictionary();
        return [.. Evaluator(data, distance).Rank(query, gallery, 1, cancellationToken: cancellationToken)
            .Where(list => valid.Contains(list.Query) && !list.IsMatch[0])
            .GroupBy(list => (Identity: data.Query[list.Query].Identity, TakenFor: data.Gallery[list.Indices[0]].Identity))
            .Select(group => (group.Key, Count: group.Count(), Nearest: group.MinBy(list => list.Distances[0])!))
            .OrderByDescending(mistake => mistake.Count).ThenBy(mistake => mistake.Nearest.Distances[0]).Take(most)
            .Select(mistake => new Mistake(EmbeddingPlots.Caption(mistake.Key.Identity, null),
                EmbeddingPlots.Caption(mistake.Key.TakenFor, null), mistake.Count, queriesOf[mistake.Key.Identity],
                mistake.Nearest.Distances[0], Thumbnail(data.Query[mistake.Nearest.Query], data),
                Thumbnail(data.Gallery[mistake.Nearest.Indices[0]], data)))];
    }

    /// <summary>The ranked lists of chosen queries, with their images.</summary>
    public static IReadOnlyList<Ranking> Rankings(
        EmbeddingSet query, EmbeddingSet gallery, ReIdDataset data, Distance distance, IReadOnlyList<int> queries, int top,
        CancellationToken cancellationToken)
    {
        // If each image is searched for among the others, the protocol identifies an image by its row, so all queries must be ranked.
        if (data.Protocol.RemovesSelf)
        {
            var all = Evaluator(data, distance).Rank(query, gallery, top, cancellationToken: cancellationToken);
            return [.. queries.Select(row => Ranking(row, all[row]))];
        }
        using var scope = NewDisposeScope();
        using var chosen = new EmbeddingSet(query.Features[tensor(queries.Select(q => (long)q).ToArray(), device: query.Features.device)],
            queries.Select(q => query.Identities[q]), query.Cameras is null ? null : queries.Select(q => query.Cameras[q]));
        return [.. Evaluator(data, distance).Rank(chosen, gallery, top, cancellationToken: cancellationToken)
            .Select(list => Ranking(queries[list.Query], list))];

        Ranking Ranking(int row, RankedList list) => new(Thumbnail(data.Query[row], data),
            [.. list.Indices.Select((found, i) => new Found(Thumbnail(data.Gallery[found], data), list.Distances[i], list.IsMatch[i]))]);
    }

    /// <summary>Queries drawn at random, the same for the same seed, in the order of the list.</summary>
    public static IReadOnlyList<int> SomeQueries(ReIdDataset data, int count, ulong seed)
    {
        var rows = Enumerable.Range(0, data.Query.Count).ToArray();
        new SeededRandom(seed).Shuffle<int>(rows);
        return [.. rows.Take(count).Order()];
    }

    /// <summary>Some images of the identities that the most cameras have seen, ordered by camera.</summary>
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
