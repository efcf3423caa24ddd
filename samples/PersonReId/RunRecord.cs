using MetricLearning;
using MetricLearning.Vision;

namespace PersonReId;

/// <summary>What a training run was and what came of it: all that the report shows. It prints each thing as it learns of it.</summary>
internal sealed class RunRecord
{
    private const int ShownQueries = 6;
    private readonly IReadOnlyList<int> queries;
    private readonly List<Snapshot> snapshots = [];
    private readonly List<RetrievalReport> reports = [];
    private readonly List<(double Epoch, Figures Figures)> progress = [];

    private RunRecord(DataSource source, ReIdDataset data, TrainingSettings settings)
    {
        (Source, Data, Settings) = (source, data, settings);
        queries = Evaluation.SomeQueries(data, ShownQueries, settings.Seed);
    }

    public DataSource Source { get; }
    public ReIdDataset Data { get; }
    public TrainingSettings Settings { get; }

    /// <summary>The layers of the network, with their shapes and parameters.</summary>
    public string ModelSummary { get; private set; } = "";

    /// <summary>The moments that were evaluated in full: before and after training; none where nothing was evaluated.</summary>
    public IReadOnlyList<Snapshot> Snapshots => snapshots;

    /// <summary>The evaluations of <see cref="Snapshots"/>.</summary>
    public IReadOnlyList<RetrievalReport> Reports => reports;

    /// <summary>The figures of all moments that were evaluated.</summary>
    public IReadOnlyList<(double Epoch, Figures Figures)> Progress => progress;

    /// <summary>The curves of loss and learning rate.</summary>
    public List<TrainingPoint> Curves { get; } = [];

    /// <summary>How long training took, with its evaluations.</summary>
    public TimeSpan TrainingTime { get; set; }

    /// <summary>Begins a run: checks the settings against the data, creates the output folder and prints the data's statistics.</summary>
    public static RunRecord Begin(DataSource source, ReIdDataset data, TrainingSettings settings)
    {
        if (data.Train.ClassCount < settings.IdentitiesPerBatch)
            throw new UserErrorException(
                $"--batch asks for {settings.IdentitiesPerBatch} identities a batch, but the training set has {data.Train.ClassCount}.");
        var last = Path.Combine(settings.Output.FullName, TrainingCheckpoint.LastFile);
        if (settings.Resume && !File.Exists(last)) throw new UserErrorException($"There is nothing to resume: no checkpoint {last}.");
        settings.Output.Create();
        Ui.Heading("Data");
        Ui.Table(DataSource.Statistics(data));
        return new RunRecord(source, data, settings);
    }

    /// <summary>Prints the layers of the network.</summary>
    public void Describe(EmbeddingModel model)
    {
        long[] shape = [1, model.Backbone.ImageChannels, Settings.Network.Height, Settings.Network.Width];
        ModelSummary = MetricLearning.ModelSummary.Of(model, shape).ToString();
        Ui.Heading("Network");
        Ui.Line(MetricLearning.ModelSummary.Of(model, shape, depth: 2).ToString());
    }

    /// <summary>Evaluates the network with all that the report shows of it: figures, curves, ranked lists.</summary>
    public RetrievalReport Evaluate(string moment, int epoch, EmbeddingModel model, CancellationToken cancellationToken)
    {
        var (snapshot, report) = Evaluation.Snapshot(moment, model, Data, Settings.Network, Settings.Distance, queries, cancellationToken);
        snapshots.Add(snapshot);
        reports.Add(report);
        Add(moment, epoch, report);
        return report;
    }

    /// <summary>Adds the figures of a moment.</summary>
    public void Add(string moment, int epoch, RetrievalReport report)
    {
        var figures = Figures.Of(report);
        progress.Add((epoch, figures));
        Ui.Line($"{moment}: rank-1 {Ui.Percent(figures.Rank1)} %, mAP {Ui.Percent(figures.MAP)} %");
    }

    /// <summary>Prints how to go on from the checkpoint of a run that was stopped.</summary>
    public void ExplainResuming(string checkpoint)
    {
        Ui.Line($"\nThe checkpoint {checkpoint} is whole. To go on:");
        Ui.Line($"  PersonReId {Settings.ResumeCommand(Source)}");
    }
}
