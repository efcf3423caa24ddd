using MetricLearning;
using MetricLearning.Vision;

namespace TrainingProject;

/// <summary>Evaluates a model: its figures, and everything that the report shows of it.</summary>
internal static class Evaluation
{
    private const int ShownQueries = 6, ShownResults = 10;

    public static FullEvaluation Of(string name, EmbeddingModel model, ReIdDataset data, ImageTransform transform,
        CancellationToken cancellationToken)
    {
        using var query = Extract(model, data.Query, transform, cancellationToken);
        using var other = ReferenceEquals(data.Query, data.Gallery) ? null : Extract(model, data.Gallery, transform, cancellationToken);
        var gallery = other ?? query;
        var evaluator = new RetrievalEvaluator { Distance = Distance.Cosine, Protocol = data.Protocol };
        var report = evaluator.Evaluate(query, gallery, cancellationToken: cancellationToken);
        var lists = evaluator.Rank(query, gallery, ShownResults, cancellationToken: cancellationToken);
        var step = Math.Max(1, lists.Count / ShownQueries);
        return new(new Snapshot
        {
            Name = name,
            Figures = Figures.Of(report),
            Cmc = report.Cmc,
            Distances = EmbeddingPlots.Histogram(query, gallery, data.Protocol, Distance.Cosine, cancellationToken),
            Projection = EmbeddingPlots.Plane(query, gallery, Distance.Cosine),
            Rankings = [.. Enumerable.Range(0, Math.Min(ShownQueries, lists.Count)).Select(i => lists[i * step]).Select(list => new Ranking(
                Thumbnail(data.Query[list.Query]), [.. list.Indices.Select((found, i) =>
                    new Found(Thumbnail(data.Gallery[found]), list.Distances[i], list.IsMatch[i]))]))],
        }, QueryFigures.Of(report));
    }

    public static double MeanAveragePrecision(EmbeddingModel model, ImageList images, ImageTransform transform,
        CancellationToken cancellationToken)
    {
        using var set = Extract(model, images, transform, cancellationToken);
        var evaluator = new RetrievalEvaluator { Distance = Distance.Cosine };
        return evaluator.Evaluate(set, cancellationToken: cancellationToken).MeanAveragePrecision;
    }

    /// <summary>Writes the features of query and gallery, for the template metriclearning-evaluate and other programs.</summary>
    public static void SaveFeatures(string path, EmbeddingModel model, ReIdDataset data, ImageTransform transform)
    {
        using var query = Extract(model, data.Query, transform, CancellationToken.None);
        using var other = ReferenceEquals(data.Query, data.Gallery) ? null
            : Extract(model, data.Gallery, transform, CancellationToken.None);
        FeatureFile.Write(path, ("query", query, [.. data.Query.Select(image => image.Path)]),
            ("gallery", other ?? query, [.. data.Gallery.Select(image => image.Path)]));
    }

    private static EmbeddingSet Extract(EmbeddingModel model, ImageList images, ImageTransform transform,
        CancellationToken cancellationToken)
    {
        using var mode = new EvaluationMode(model);
        return new ImageLoader(images, transform) { CacheBytes = 1L << 28 }.Extract(model.Embed, cancellationToken: cancellationToken);
    }

    private static Thumbnail Thumbnail(ImageSample image) => new(image.Path, EmbeddingPlots.Caption(image.Identity, null));
}

/// <summary>An evaluation with all that the report shows of it.</summary>
internal sealed record FullEvaluation(Snapshot Snapshot, QueryFigures PerQuery);
