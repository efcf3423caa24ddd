using MetricLearning;

// Evaluates features that any program wrote: NumPy (.npz, .npy), safetensors or MATLAB (.mat) files with the parts "query" and "gallery",
// or with one set, in which each row is searched for among all others.
Errors.TellMistakes();
if (args.Length is 0 or > 2)
{
    Console.Error.WriteLine("usage: dotnet run -c Release -- FEATURES [OTHER_FEATURES]\nTwo files compare two models on the same queries.");
    return 2;
}
var distance = Distance.Cosine;
var reader = new FeatureReader();       // one for all files, so that a person's name has the same number in all of them
var models = args.Select((path, i) => Evaluate(path, args.Length == 1 ? Path.GetFileNameWithoutExtension(path) : $"model {i + 1}"))
    .ToList();

foreach (var model in models) Console.WriteLine($"{(models.Count == 1 ? "" : $"{model.Snapshot.Name}:\n")}{model.Report}");
Ui.Table(Figures.Table(models.Select(model => (model.Snapshot.Name, model.Snapshot.Figures))));
IReadOnlyList<string[]> intervals = models is [var first, var second]
    ? Comparison.Table((first.Snapshot.Name, QueryFigures.Of(first.Report)), (second.Snapshot.Name, QueryFigures.Of(second.Report)),
        SameQueries(first, second), CancellationToken.None)
    : Comparison.Table(QueryFigures.Of(models[0].Report), models[0].Identities, CancellationToken.None);
Ui.Line();
Ui.Table(intervals);
HtmlReport.Write("report.html", new ReportData
{
    Title = string.Join(" and ", models.Select(model => model.Snapshot.Name)),
    Lead = $"{models[0].Report.ValidQueries} queries under the protocol {models[0].Report.Protocol.Name}.",
    Snapshots = [.. models.Select(model => model.Snapshot)],
    Comparison = intervals,
    ComparisonNote = models.Count == 2 ? Comparison.Note : Comparison.NoteOfOne,
});
Console.WriteLine("report.html");
return 0;

Model Evaluate(string path, string name)
{
    using var parts = reader.Read(path);
    try
    {
        return Of(path, name, parts);
    }
    catch (ArgumentException e)         // such as a feature that is NaN
    {
        throw new InvalidDataException($"{path}: {Errors.MessageOf(e)}", e);
    }
}

Model Of(string path, string name, FeatureParts parts)
{
    var (query, gallery) = parts is [{ Name: "" } only] ? (only.Set, only.Set) : (Part("query"), Part("gallery"));

    // The protocol follows from the cameras. Name one if you want another: RetrievalProtocol.Cuhk03, .VeRi, .NoFilter, ...
    // If query and gallery are one set, each row is searched for among all others.
    var evaluator = new RetrievalEvaluator { Distance = distance };
    if (Same(query, gallery)) gallery = query;
    var report = gallery == query ? evaluator.Evaluate(query) : evaluator.Evaluate(query, gallery);
    if (report.ValidQueries == 0) throw new InvalidDataException($"{path}: {report.Explanation}");
    return new Model(path, report, [.. query.Identities], query.Cameras?.ToArray(), new Snapshot
    {
        Name = name,
        Figures = Figures.Of(report),
        Cmc = report.Cmc,
        Distances = EmbeddingPlots.Histogram(query, gallery, report.Protocol, distance, CancellationToken.None),
        Projection = EmbeddingPlots.Plane(query, gallery, distance),
        Rankings = [],
    });

    EmbeddingSet Part(string part) => parts.Find(part)?.Set ?? throw new InvalidDataException(
        $"{path} needs the parts \"query\" and \"gallery\", or one set, but it has "
        + $"{string.Join(", ", parts.Select(found => $"\"{found.Name}\""))}.");
}

static bool Same(EmbeddingSet query, EmbeddingSet gallery)
{
    using var scope = TorchSharp.torch.NewDisposeScope();
    return query.Features.shape.SequenceEqual(gallery.Features.shape) && query.Features.equal(gallery.Features).all().item<bool>();
}

// Two models are compared query by query, so row q of both files must be the same query.
static IReadOnlyList<long> SameQueries(Model first, Model second)
{
    if (first.Identities.Count != second.Identities.Count) throw new InvalidDataException(
        $"{second.Path} has {second.Identities.Count} queries, but {first.Path} has {first.Identities.Count}. Two models are compared on "
        + "the same queries.");
    for (var q = 0; q < first.Identities.Count; q++)
        if (first.Identities[q] != second.Identities[q] || first.Cameras?[q] != second.Cameras?[q]) throw new InvalidDataException(
            $"Query {q} of {second.Path} has another identity or camera than in {first.Path}. Write the queries of both in one order.");
    if (first.Report.GalleryCount != second.Report.GalleryCount || first.Report.Protocol != second.Report.Protocol)
        throw new InvalidDataException($"{second.Path} has {Of(second)}, but {first.Path} has {Of(first)}. Two models are compared on the "
            + "same gallery.");
    return first.Identities;

    static string Of(Model model) => $"{model.Report.GalleryCount} gallery images under the protocol {model.Report.Protocol}";
}

internal sealed record Model(string Path, RetrievalReport Report, IReadOnlyList<long> Identities, IReadOnlyList<long>? Cameras,
    Snapshot Snapshot);
