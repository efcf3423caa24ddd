using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using MetricLearning;
using MetricLearning.Vision;
using PersonReId.Commands;

namespace PersonReId;

/// <summary>Records a training run and its results: everything that the report shows. It prints each result as soon as it is
/// known.</summary>
/// <remarks>The record is kept only in the run's checkpoint. So a resumed run reports the measurements of the whole run, and it makes an
/// evaluation that the last process did not reach.</remarks>
internal sealed class RunRecord
{
    private const string Before = "before training", After = "after training", Moments = "evaluations", Recipe = "recipe",
        Fingerprint = "recipe fingerprint", Images = "images", Teacher = "teacher",
        WeightsSpace = "space of the weights";
    private const int ShownQueries = 6;
    private readonly JsonSerializerOptions json;
    private readonly TrainingCheckpoint checkpoint;
    private readonly IReadOnlyList<int> queries;

    private RunRecord(DataSource source, ReIdDataset data, TrainingSettings settings, TrainingCheckpoint checkpoint)
    {
        (Source, Data, Settings, this.checkpoint) = (source, data, settings, checkpoint);
        json = new()
        {
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, Converters = { new RelativeThumbnail(source) },
        };
        queries = Evaluation.SomeQueries(data, ShownQueries, settings.Seed);
    }

    public DataSource Source { get; }
    public ReIdDataset Data { get; }
    public TrainingSettings Settings { get; }

    /// <summary>The layers of the network, with their shapes and parameters.</summary>
    public string ModelSummary { get; private set; } = "";

    /// <summary>The evaluations before and after training, as far as they have been made.</summary>
    public IReadOnlyList<FullEvaluation> Evaluations =>
        [.. new[] { Before, After }.Select(Read<FullEvaluation>).OfType<FullEvaluation>()];

    /// <summary>The figures of all moments that were evaluated.</summary>
    public IReadOnlyList<ProgressPoint> Progress => Read<ProgressPoint[]>(Moments) ?? [];

    /// <summary>The curves of loss and learning rate.</summary>
    public IReadOnlyList<TrainingPoint> Curves { get; set; } = [];

    /// <summary>The time that training took, including its evaluations, summed over all processes of the run.</summary>
    public TimeSpan TrainingTime
    {
        get => TimeSpan.FromSeconds(checkpoint.Numbers.TryGetValue("seconds", out var seconds) ? seconds : 0);
        set => checkpoint.Numbers["seconds"] = value.TotalSeconds;
    }

    /// <summary>Starts or continues a run: checks the settings against the data and the folder, and prints the statistics of the
    /// data.</summary>
    public static RunRecord Begin(DataSource source, ReIdDataset data, TrainingSettings settings, TrainingCheckpoint checkpoint)
    {
        if (!settings.Recipe.Shuffles && data.Train.ClassCount < settings.Recipe.IdentitiesPerBatch)
            throw new UserErrorException(
                $"--batch asks for {settings.Recipe.IdentitiesPerBatch} identities per batch, but the training set has "
                + $"{data.Train.ClassCount}.");
        checkpoint.Notes[Recipe] = settings.Command(source);
        checkpoint.Notes[Fingerprint] = settings.Recipe.Fingerprint();
        checkpoint.Notes[Images] = FingerprintOf(new[] { data.Train, data.Query, data.Gallery }.Distinct().SelectMany(list => list)
            .Select(image => (source.PathOf(image), image)));
        Remember(settings.Network.File, checkpoint);
        if (settings.Start == RunStart.Resume && Then(settings).GetValueOrDefault(Images) != checkpoint.Notes[Images])
            throw OtherImages(settings.Folder, source.Path);
        if (settings.Teacher is { File: var teacher })
        {
            checkpoint.Notes[Teacher] = ChecksumOf(teacher.FullName);
            if (settings.Start == RunStart.Resume && Then(settings).TryGetValue(Teacher, out var begun)
                && begun != checkpoint.Notes[Teacher])
                throw new UserErrorException($"The run in {settings.Folder.Name} was begun with other features than those in "
                    + $"{teacher.FullName}: the contents of the file differ. Give the file of the run, or begin a new run in another "
                    + "--output.");
        }
        RecipeCommand.Print(settings.Recipe);
        Ui.Heading("Data");
        Ui.Table(DataSource.Statistics(data));
        return new RunRecord(source, data, settings, checkpoint);
    }

    /// <summary>Prints the layers of the network.</summary>
    public void Describe(EmbeddingModel model)
    {
        long[] shape = [1, model.Backbone.ImageChannels, Settings.Network.Height, Settings.Network.Width];
        ModelSummary = MetricLearning.ModelSummary.Of(model, shape).ToString();
        Ui.Heading("Network");
        Ui.Line(MetricLearning.ModelSummary.Of(model, shape, depth: 2).ToString());
    }

    /// <summary>Whether an evaluation is due at the present epoch and has not been made.</summary>
    public bool IsEvaluationDue(SamplerState training)
    {
        var (epoch, every) = (training.Epoch, Settings.EvaluateEvery);
        return every > 0 && training.Position == 0 && (epoch % every == 0 || epoch == Settings.Epochs)
            && Progress.All(point => point.Epoch != epoch);
    }

    /// <summary>Evaluates the network after the given number of epochs. Before and after training it also collects the curves and ranked
    /// lists of the report.</summary>
    public RetrievalReport Evaluate(int epoch, EmbeddingModel model, CancellationToken cancellationToken)
    {
        var moment = epoch == 0 ? Before : epoch == Settings.Epochs ? After : null;
        RetrievalReport report;
        if (moment is null) report = Evaluation.Evaluate(model, Data, Settings.Network, Settings.Distance, cancellationToken);
        else
        {
            (var snapshot, report) = Evaluation.Snapshot(moment, model, Data, Settings.Network, Settings.Distance, queries,
                cancellationToken);
            Write(moment, new FullEvaluation(snapshot, QueryFigures.Of(report)));
        }
        var figures = Figures.Of(report);
        Write<ProgressPoint[]>(Moments, [.. Progress, new(epoch, figures)]);
        Ui.Line($"{moment ?? $"epoch {epoch}"}: rank-1 {Ui.Percent(figures.Rank1)} %, mAP {Ui.Percent(figures.MAP)} %");
        if (Progress.Count == 1 && report.SkippedQueries > 0) Ui.Line(report.Explanation);
        TrainingEvents.Evaluated(Settings.Log, epoch, figures.MAP, figures.Rank1);
        return report;
    }

    /// <summary>Checks that the run in the output folder was begun with the same options.</summary>
    /// <exception cref="UserErrorException">It was begun with others, or the checkpoint is not one of this program.</exception>
    public static void CheckSettings(DataSource source, TrainingSettings settings)
    {
        var then = Then(settings);
        if (!then.TryGetValue(Recipe, out var recipe) || !then.ContainsKey(Images))
            throw new UserErrorException($"{settings.Folder.Last} is not a checkpoint of this program.");
        if (recipe != settings.Command(source)) throw new UserErrorException(
            $"The run in {settings.Folder.Name} was begun with other options. To go on with it: {settings.ResumeCommand(source, recipe)}");
        var fingerprint = settings.Recipe.Fingerprint();
        if (then.GetValueOrDefault(Fingerprint) != fingerprint) throw new UserErrorException(
            $"The run in {settings.Folder.Name} was begun with the recipe {then.GetValueOrDefault(Fingerprint) ?? "unknown"}; "
            + $"{settings.Recipe.Name} has {fingerprint} in this version of the program.");
    }

    /// <summary>Keeps the embedding space in the file of the weights that a run starts from, if it states one.</summary>
    public static void Remember(EmbeddingSpace? spaceOfWeights, TrainingCheckpoint checkpoint)
    {
        if (spaceOfWeights is not null) checkpoint.Notes[WeightsSpace] = spaceOfWeights.ToJson();
    }

    /// <summary>The embedding space in the file of the weights that a run started from; null if it said none, or if there is no
    /// run.</summary>
    public static EmbeddingSpace? SpaceOfWeights(RunFolder folder) =>
        File.Exists(folder.Last) && TrainingCheckpoint.ReadNotes(folder.Last).TryGetValue(WeightsSpace, out var space)
            ? EmbeddingSpace.Parse(space) : null;

    /// <summary>The notes of the run in the output folder.</summary>
    private static IReadOnlyDictionary<string, string> Then(TrainingSettings settings) =>
        TrainingCheckpoint.ReadNotes(settings.Folder.Last);

    /// <summary>A checksum of the names, the identities and the contents of images.</summary>
    public static string FingerprintOf(IEnumerable<(string Name, ImageSample Image)> images)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, image) in images)
        {
            sha.AppendData(Encoding.UTF8.GetBytes($"{name}\n{image.Identity}\n"));
            using var file = File.OpenRead(image.Path);
            sha.AppendData(SHA256.HashData(file));
        }
        return Convert.ToHexString(sha.GetHashAndReset());
    }

    /// <summary>The error of a run that is resumed with other images than it was begun with.</summary>
    public static UserErrorException OtherImages(RunFolder folder, string images) => new($"The run in {folder.Name} was begun with other "
        + $"images than those in {images}: the names, the identities or the contents of some files differ. Give the images of the run, or "
        + "begin a new run in another --output.");

    private static string ChecksumOf(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexString(SHA256.HashData(file));
    }

    private T? Read<T>(string note) where T : class =>
        checkpoint.Notes.TryGetValue(note, out var text) ? JsonSerializer.Deserialize<T>(text, json) : null;

    private void Write<T>(string note, T value) => checkpoint.Notes[note] = JsonSerializer.Serialize(value, json);

    /// <summary>Stores the paths of images relative to the dataset, which may be in another place when the run is resumed.</summary>
    private sealed class RelativeThumbnail(DataSource source) : JsonConverter<Thumbnail>
    {
        public override Thumbnail? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            JsonSerializer.Deserialize<Thumbnail>(ref reader) is { } stored
                ? stored with { Path = Path.Combine(source.Images, stored.Path) } : null;

        public override void Write(Utf8JsonWriter writer, Thumbnail value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, value with { Path = source.PathOf(value.Path) });
    }
}

/// <summary>An evaluation with all that the report shows of it.</summary>
internal sealed record FullEvaluation(Snapshot Snapshot, QueryFigures PerQuery);
