using MetricLearning;
using MetricLearning.Vision;
using PersonReId.Report;
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
        using var query = Extract(model, data.Query, settings, "query", cancel);
        using var gallery = Extract(model, data.Gallery, settings, "gallery", cancel);
        var report = Evaluator(distance).Evaluate(query, gallery);
        return (new Snapshot
        {
            Name = name,
            Figures = FiguresOf(report),
            Cmc = report.Cmc,
            Distances = Histogram(query, gallery, distance),
            Projection = Plane(query, gallery, distance),
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

    /// <summary>Distances of queries to gallery pictures: of the same person in another camera, and of different people.</summary>
    private static DistanceHistogram Histogram(EmbeddingSet query, EmbeddingSet gallery, Distance distance, int bins = 60)
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
                else if (gallery.Cameras![g] != query.Cameras![q]) same.Add(d);
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

    /// <summary>The embeddings of the people with the most pictures, in the plane in which they spread most.</summary>
    private static IReadOnlyList<ProjectedPoint> Plane(
        EmbeddingSet query, EmbeddingSet gallery, Distance distance, int people = 12, int picturesEach = 16)
    {
        using var scope = NewDisposeScope();
        var rows = Rows(query).Concat(Rows(gallery)).GroupBy(row => row.Id).Where(group => group.Key > 0)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key).Take(people)
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
            .Select((p, i) => new ProjectedPoint(p.X, p.Y, rows[i].Number, $"person {rows[i].Id}, camera {rows[i].Camera}"))];

        static IEnumerable<(EmbeddingSet Set, int Index, long Id, long Camera)> Rows(EmbeddingSet set) =>
            Enumerable.Range(0, set.Count).Select(i => (set, i, set.Ids[i], set.Cameras?[i] ?? 0));
    }
}
