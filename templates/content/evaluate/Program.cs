using MetricLearning;

// Evaluates features that any program wrote: NumPy (.npz), safetensors or MATLAB (.mat) files with the parts "query" and "gallery".
if (args.Length is 0 or > 2)
{
    Console.Error.WriteLine("usage: dotnet run -c Release -- FEATURES [OTHER_FEATURES]\nTwo files compare two models on the same queries.");
    return 2;
}
var distance = Distance.Cosine;
var models = args.Select((path, i) => (Name: args.Length == 1 ? Path.GetFileNameWithoutExtension(path) : $"model {i + 1}", Path: path))
    .Select(model => (model.Name, Result: Evaluate(model.Name, model.Path))).ToList();

Console.WriteLine(models[0].Result.Report);
Ui.Table(Figures.Table(models.Select(model => (model.Name, Figures.Of(model.Result.Report)))));
IReadOnlyList<string[]> intervals = models is [var first, var second]
    ? Comparison.Table((first.Name, QueryFigures.Of(first.Result.Report)), (second.Name, QueryFigures.Of(second.Result.Report)),
        first.Result.QueryIdentities, CancellationToken.None)
    : Comparison.Table(QueryFigures.Of(models[0].Result.Report), models[0].Result.QueryIdentities, CancellationToken.None);
Ui.Line();
Ui.Table(intervals);
HtmlReport.Write("report.html", new ReportData
{
    Title = string.Join(" and ", models.Select(model => model.Name)),
    Lead = $"{models[0].Result.Report.ValidQueries} queries under the protocol {models[0].Result.Report.Protocol.Name}.",
    Snapshots = [.. models.Select(model => model.Result.Snapshot)],
    Comparison = intervals,
    ComparisonNote = models.Count == 2 ? Comparison.Note : Comparison.NoteOfOne,
});
Console.WriteLine("report.html");
return 0;

(RetrievalReport Report, IReadOnlyList<long> QueryIdentities, Snapshot Snapshot) Evaluate(string name, string path)
{
    using var parts = FeatureFile.Read(path);
    var (query, gallery) = (parts["query"].Set, parts["gallery"].Set);

    // The protocol follows from the cameras. Name one if you want another: RetrievalProtocol.Cuhk03, .VeRi, .NoFilter, ...
    // If query and gallery are one set, each row is searched for among all others.
    var evaluator = new RetrievalEvaluator { Distance = distance };
    var report = Same(query, gallery) ? evaluator.Evaluate(query) : evaluator.Evaluate(query, gallery);
    return (report, [.. query.Identities], new Snapshot
    {
        Name = name,
        Figures = Figures.Of(report),
        Cmc = report.Cmc,
        Distances = EmbeddingPlots.Histogram(query, gallery, report.Protocol, distance, CancellationToken.None),
        Projection = EmbeddingPlots.Plane(query, gallery, distance),
        Rankings = [],
    });
}

static bool Same(EmbeddingSet query, EmbeddingSet gallery)
{
    using var scope = TorchSharp.torch.NewDisposeScope();
    return query.Features.shape.SequenceEqual(gallery.Features.shape) && query.Features.equal(gallery.Features).all().item<bool>();
}
