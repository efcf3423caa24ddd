using MetricLearning;
using MetricLearning.Vision;
using PersonReId.Report;
using static TorchSharp.torch;

namespace PersonReId;

/// <summary>Features, figures, and all that the report shows of a network at one moment.</summary>
internal static class Evaluation
{
    /// <summary>The embeddings of all pictures of a list, mean over the views of the settings.</summary>
    public static EmbeddingSet Extract(EmbeddingModel model, ImageList images, NetworkSettings settings, string what, CancellationToken cancel,
        ExtractionJournal? journal = null)
    {
        var loader = new ImageLoader(images, ImageTransform.ForEvaluation(settings.Height, settings.Width))
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

    public static RetrievalEvaluator Evaluator(ReIdDataset data, Distance distance) => new() { Distance = distance, Protocol = data.Protocol };

    /// <summary>What does not count, in a sentence.</summary>
    public static string RulesOf(RetrievalProtocol protocol) => protocol.RemovesSelf ? "Each picture is looked for among all others."
        : protocol.Cameras == CameraFilter.None ? "Every gallery picture counts."
        : $"{protocol.Name} protocol: gallery pictures of the query’s own identity and camera do not count, nor do junk boxes.";

    public static Figures FiguresOf(RetrievalReport report) => new(report.MeanAveragePrecision, report.MeanAveragePrecisionTrapezoid,
        report.MeanInverseNegativePenalty, Rank(report, 1), Rank(report, 5), Rank(report, 10), report.ValidQueries);

    /// <summary>Rank-k; where the gallery has fewer than k pictures, the whole of it.</summary>
    private static double Rank(RetrievalReport report, int k) =>
        report.Cmc.Count == 0 ? double.NaN : report.RankAt(Math.Min(k, report.Cmc.Count));

    /// <summary>The table that evaluate, train and demo print.</summary>
    public static IReadOnlyList<string[]> Table(params IEnumerable<(string Name, Figures Figures)> rows) =>
    [
        ["%", "rank-1", "rank-5", "rank-10", "mAP", "mAP trapezoid", "mINP", "valid queries"],
        .. rows.Select(row => new[]
        {
            row.Name, Ui.Percent(row.Figures.Rank1), Ui.Percent(row.Figures.Rank5), Ui.Percent(row.Figures.Rank10),
            Ui.Percent(row.Figures.MAP), Ui.Percent(row.Figures.MAPTrapezoid), Ui.Percent(row.Figures.MINP), $"{row.Figures.ValidQueries}",
        }),
    ];

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
        var (query, gallery) = ExtractTest(model, data, settings, cancel);
        using (query)
        using (gallery)
        {
            var report = Evaluator(data, distance).Evaluate(query, gallery);
            return (new Snapshot
            {
                Name = name,
                Figures = FiguresOf(report),
                Cmc = report.Cmc,
                Distances = Histogram(query, gallery, data, distance),
                Projection = Plane(query, gallery, distance),
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
            queries.Select(q => query.Ids[q]), query.Cameras is null ? null : queries.Select(q => query.Cameras[q]));
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
            .OrderByDescending(group => group.Select(sample => sample.Camera).Distinct().Count()).ThenBy(group => group.Key).Take(identities)
            .Select(IReadOnlyList<Thumbnail> (group) => [.. group.OrderBy(sample => sample.Camera).Take(pictures)
                .Select(sample => new Thumbnail(sample.Path, Path.GetFileName(sample.Path)))])];

    private static Thumbnail Thumbnail(ImageSample sample, ReIdDataset data) =>
        new(sample.Path, $"{Path.GetFileName(sample.Path)}: {Caption(sample.Identity, data.Query.HasCameras ? sample.Camera : null)}");

    private static string Caption(long identity, long? camera) => $"identity {identity}" + (camera is null ? "" : $", camera {camera}");

    /// <summary>Distances of queries to gallery pictures: of the same identity (in another camera, another picture), and of different ones.</summary>
    private static DistanceHistogram Histogram(EmbeddingSet query, EmbeddingSet gallery, ReIdDataset data, Distance distance, int bins = 60)
    {
        List<double> same = [], different = [];
        var step = Math.Max(1, query.Count / 400);
        for (var q = 0; q < query.Count; q += step)
        {
            using var scope = NewDisposeScope();
            var row = distance.Matrix(query.Features.narrow(0, q, 1), gallery.Features).to(ScalarType.Float32).cpu().data<float>();
            var g = 0;
            foreach (var d in row)
            {
                if (gallery.Ids[g] != query.Ids[q]) different.Add(d);
                else if (data.Protocol.RemovesSelf ? g != q : query.Cameras is null || gallery.Cameras![g] != query.Cameras[q]) same.Add(d);
                g++;
            }
        }
        var all = same.Concat(different).Order().ToList();
        if (all.Count == 0) return new DistanceHistogram(0, 1, new double[bins], new double[bins]);
        var (low, high) = (Math.Min(0, all[0]), all[(int)(0.998 * (all.Count - 1))]);
        return new DistanceHistogram(low, high, Shares(same), Shares(different));

        double[] Shares(List<double> values)
        {
            var shares = new double[bins];
            foreach (var value in values)
                shares[Math.Clamp((int)((value - low) / (high - low) * bins), 0, bins - 1)] += 1.0 / values.Count;
            return shares;
        }
    }

    /// <summary>The embeddings of the identities with the most pictures, in the plane in which they spread most.</summary>
    private static IReadOnlyList<ProjectedPoint> Plane(
        EmbeddingSet query, EmbeddingSet gallery, Distance distance, int identities = 12, int picturesEach = 16)
    {
        using var scope = NewDisposeScope();
        var rows = (ReferenceEquals(query, gallery) ? Rows(query) : Rows(query).Concat(Rows(gallery)))
            .GroupBy(row => row.Id).Where(group => query.Cameras is null || group.Key > 0)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key).Take(identities)
            .SelectMany((group, number) => group.Take(picturesEach).Select(row => (row.Set, row.Index, row.Id, row.Camera, Number: number)))
            .ToList();
        if (rows.Count < 3) return [];
        var features = stack(rows.Select(row => row.Set.Features[row.Index])).to(ScalarType.Float64).cpu();
        if (ReferenceEquals(distance, Distance.Cosine)) features = nn.functional.normalize(features, dim: 1);
        var values = features.data<double>().ToArray();
        var width = (int)features.size(1);
        var matrix = new double[rows.Count, width];
        Buffer.BlockCopy(values, 0, matrix, 0, values.Length * sizeof(double));
        return [.. Projection.Plane(matrix)
            .Select((p, i) => new ProjectedPoint(p.X, p.Y, rows[i].Number, Caption(rows[i].Id, rows[i].Camera)))];

        static IEnumerable<(EmbeddingSet Set, int Index, long Id, long? Camera)> Rows(EmbeddingSet set) =>
            Enumerable.Range(0, set.Count).Select(i => (set, i, set.Ids[i], set.Cameras?[i]));
    }
}
