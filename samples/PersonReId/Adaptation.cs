using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using MetricLearning;
using MetricLearning.Vision;
using PersonReId.Recipes;
using static TorchSharp.torch;

namespace PersonReId;

/// <summary>The settings of an adaptation.</summary>
internal sealed record AdaptationSettings
{
    public required NetworkSettings Network { get; init; }
    public required DirectoryInfo Output { get; init; }

    /// <summary>A folder of images without identities; null for the training images of the dataset.</summary>
    public DirectoryInfo? Images { get; init; }

    /// <summary>The largest Jaccard distance of neighbors in a cluster.</summary>
    public required double Radius { get; init; }

    public required int Epochs { get; init; }
    public required int ClustersPerBatch { get; init; }
    public required int ImagesPerCluster { get; init; }
    public required double LearningRate { get; init; }
    public required ulong Seed { get; init; }
    public required RunStart Start { get; init; }

    public RunFolder Folder => new(Output);

    /// <summary>The learning rate falls to a tenth after this epoch.</summary>
    public int Milestone => Epochs * 2 / 3;

    /// <summary>The options on which the result depends. A run can be continued only with the same ones.</summary>
    public string Command(DataSource source) => string.Create(CultureInfo.InvariantCulture,
        $"{source.Options} --arch {Network.Architecture} --weights {Network.WeightsOption} --size {Network.Height} {Network.Width} ")
        + (Images is null ? "" : $"--unlabeled {Shell.Quote(Images.FullName)} ") + string.Create(CultureInfo.InvariantCulture,
        $"--radius {Radius} --epochs {Epochs} --batch {ClustersPerBatch} {ImagesPerCluster} --lr {LearningRate} --seed {Seed}");

    /// <summary>The command that continues a run.</summary>
    /// <param name="source">The dataset.</param>
    /// <param name="command">The <see cref="Command"/> of the run.</param>
    public string ResumeCommand(DataSource source, string command) => $"PersonReId adapt {command} {source.Place} "
        + string.Create(CultureInfo.InvariantCulture, $"--output {Shell.Quote(Output.FullName)} --device {Network.Device} ")
        + string.Create(CultureInfo.InvariantCulture, $"--workers {Network.Workers} --resume");
}

/// <summary>Trains a network further on images without identities: clusters of similar images take the place of people.</summary>
/// <remarks>Each epoch extracts the features of all images, clusters them, and trains on the clusters by
/// <see cref="ClusterContrastLoss"/>. The checkpoint is saved after each epoch, and a resumed run continues there.</remarks>
internal static class Adaptation
{
    private const string Options = "adaptation", Before = "queries before", Epoch = "epoch", Clusters = "clusters",
        Fingerprint = "images";
    private static readonly JsonSerializerOptions json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>Runs an adaptation, or the rest of one that was stopped, and compares the network before and after on the labelled queries
    /// of the dataset.</summary>
    public static void Run(DataSource source, AdaptationSettings settings, CancellationToken cancellationToken)
    {
        var folder = settings.Folder;
        Outputs.Check(settings.Output);
        folder.Check(settings.Start);
        if (settings.Start == RunStart.Overwrite) folder.CheckKeeps(("--weights", settings.Network.Weights));
        if (settings.Start == RunStart.Resume) CheckSettings(source, settings);
        using var use = new FolderLock(folder.Name, "--output");
        try
        {
            Run(source, settings, source.Open(), cancellationToken);
        }
        catch (OperationCanceledException) when (File.Exists(folder.Last))
        {
            Ui.Line($"\nThe checkpoint {folder.Last} has the epochs that are finished. To go on:");
            Ui.Line($"  {settings.ResumeCommand(source, settings.Command(source))}");
            throw;
        }
    }

    private static void Run(DataSource source, AdaptationSettings settings, ReIdDataset data, CancellationToken cancellationToken)
    {
        var (network, folder) = (settings.Network, settings.Folder);
        var images = settings.Images is { } flat ? ImageList.FromFlatFolder(flat.FullName)
            : ImageList.WithoutIdentities(data.Train, data.Train.HasCameras);
        Ui.Table(DataSource.Statistics(data));
        Ui.Line(string.Create(CultureInfo.InvariantCulture, $"\n{images.Count:N0} images without identities"));

        manual_seed((long)settings.Seed);
        using var model = Networks.Create(settings.Start == RunStart.Resume ? network with { Weights = null } : network);
        using var optimizer = optim.Adam(model.parameters(), settings.LearningRate, weight_decay: 5e-4);
        // Epochs differ in length, so the schedule counts each as one iteration.
        var schedule = new MultiStepSchedule(optimizer, [TrainingSpan.Iterations(Math.Max(1, settings.Milestone))]);
        var checkpoint = new TrainingCheckpoint { Space = Networks.SpaceOf(network, model) with { Distance = "cosine" } };
        checkpoint.Add("model", model);
        checkpoint.Add("optimizer", optimizer);
        checkpoint.Add("schedule", schedule);
        var fingerprint = RunRecord.FingerprintOf([.. images.Select(image => (Path.GetFileName(image.Path), image)),
            .. data.Query.Concat(data.Gallery).Select(image => (source.PathOf(image), image))]);
        if (settings.Start == RunStart.Resume)
        {
            checkpoint.Load(folder.Last);
            if (checkpoint.Notes[Fingerprint] != fingerprint)
                throw RunRecord.OtherImages(folder, settings.Images?.FullName ?? source.Path);
        }
        else
        {
            checkpoint.Notes[Options] = settings.Command(source);
            checkpoint.Notes[Fingerprint] = fingerprint;
            RunRecord.Remember(network.File, checkpoint);
            checkpoint.Notes[Before] = JsonSerializer.Serialize(
                QueryFigures.Of(Evaluate("before", model, data, network, cancellationToken)), json);
            checkpoint.Numbers[Epoch] = 0;
            folder.Clear();
            checkpoint.Save(folder.Last);
        }

        for (var epoch = (int)checkpoint.Numbers[Epoch]; epoch < settings.Epochs; epoch++)
        {
            var clusters = Cluster(model, images, settings, cancellationToken);
            using (clusters.Means)
            {
                var loss = Train(model, optimizer, clusters, settings, epoch, cancellationToken);
                schedule.Step();
                var earlier = checkpoint.Histories.TryGetValue(Clusters, out var known) ? known : null;
                checkpoint.Histories[Clusters] = [.. clusters.Assignments.Select(cluster => (double)cluster)];
                checkpoint.Numbers[Epoch] = epoch + 1;
                checkpoint.Save(folder.Last);
                Ui.Line(string.Create(CultureInfo.InvariantCulture, $"epoch {epoch + 1,3}/{settings.Epochs}  loss {loss:0.000}  ")
                    + string.Create(CultureInfo.InvariantCulture, $"{clusters.Means.size(0)} clusters of {clusters.Images.Count} images")
                    + (earlier is null ? "" : string.Create(CultureInfo.InvariantCulture,
                        $"  agreement with the clusters before {Agreement(earlier, clusters.Assignments):0.000}")));
            }
        }
        var after = QueryFigures.Of(Evaluate("after", model, data, network, cancellationToken));
        var before = JsonSerializer.Deserialize<QueryFigures>(checkpoint.Notes[Before], json)!;
        Ui.Line();
        Ui.Table(Comparison.Table(("before", before), ("after", after), [.. data.Query.Select(sample => sample.Identity)],
            cancellationToken));
        Ui.Line(Comparison.Note);
        Ui.Line($"checkpoint: {folder.Last}");
    }

    /// <summary>Clusters images by the features of the network.</summary>
    /// <returns>The images that are in a cluster, with the number of the cluster as their identity; the mean feature of each cluster, which
    /// the caller disposes; and the cluster of each image, or −1.</returns>
    private static (ImageList Images, Tensor Means, IReadOnlyList<long> Assignments) Cluster(EmbeddingModel model, ImageList images,
        AdaptationSettings settings, CancellationToken cancellationToken)
    {
        using var features = Evaluation.Extract(model, images, settings.Network, "the images", cancellationToken);
        using var unit = nn.functional.normalize(features.Features);
        using var jaccard = new KReciprocalReranker(k1: 30, k2: 6, lambda: 0).Rerank(unit, cancellationToken: cancellationToken);
        var found = new Dbscan(settings.Radius).Fit(jaccard, cancellationToken: cancellationToken);
        if (found.Clusters < settings.ClustersPerBatch)
            throw new UserErrorException($"The images make {found.Clusters} cluster{(found.Clusters == 1 ? "" : "s")}, and a batch has "
                + $"{settings.ClustersPerBatch}: try another --radius than {settings.Radius.ToString(CultureInfo.InvariantCulture)}, or a "
                + "smaller --batch.");
        var rows = Enumerable.Range(0, images.Count).Where(row => found.Assignments[row] >= 0).ToArray();
        using var places = tensor(rows.Select(row => (long)row).ToArray(), device: unit.device);
        var list = new ImageList(rows.Select(row => images[row] with { Identity = found.Assignments[row] }), images.HasCameras,
            countsFromZero: true);
        using var members = new EmbeddingSet(unit.index_select(0, places), list.Labels);
        using var means = members.ClassMeans();
        return (list, means.Features.clone(), found.Assignments);
    }

    /// <summary>Trains on the clusters for an epoch.</summary>
    /// <returns>The mean of the loss.</returns>
    private static double Train(EmbeddingModel model, optim.Optimizer optimizer,
        (ImageList Images, Tensor Means, IReadOnlyList<long> Assignments) clusters, AdaptationSettings settings, int epoch,
        CancellationToken cancellationToken)
    {
        var (space, seed) = (Networks.SpaceOf(settings.Network, model), settings.Seed + (ulong)epoch);
        using var loss = new ClusterContrastLoss(clusters.Means);
        var sampler = new IdentitySampler(clusters.Images.Labels, settings.ClustersPerBatch, settings.ImagesPerCluster, seed: seed);
        var loader = new ImageLoader(clusters.Images, RecipeParts.AugmentationOf(PublishedRecipes.Lesson, space))
        {
            Seed = seed, Workers = settings.Network.Workers, Device = Networks.DeviceOf(settings.Network),
        };
        using var bar = new Bar($"epoch {epoch + 1}/{settings.Epochs}", sampler.BatchesPerEpoch);
        var values = new List<double>();
        model.train();
        foreach (var batch in loader.Batches(sampler, cancellationToken))
        {
            using var used = batch;
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            using var output = model.call(batch.Images);
            var value = loss.call(output.Embedding, batch.Labels);
            value.backward();
            optimizer.SafeStep();
            values.Add(value.item<float>());
            if (!double.IsFinite(values[^1]))
                throw new UserErrorException($"The loss became {values[^1]} in epoch {epoch + 1}: try a smaller --lr.");
            bar.To(values.Count);
        }
        return values.Average();
    }

    private static RetrievalReport Evaluate(string moment, EmbeddingModel model, ReIdDataset data, NetworkSettings network,
        CancellationToken cancellationToken)
    {
        var report = Evaluation.Evaluate(model, data, network, Distance.Cosine, cancellationToken);
        var figures = Figures.Of(report);
        Ui.Line($"{moment}: rank-1 {Ui.Percent(figures.Rank1)} %, mAP {Ui.Percent(figures.MAP)} %");
        if (report.SkippedQueries > 0) Ui.Line(report.Explanation);
        return report;
    }

    /// <summary>The adjusted Rand index of two clusterings, over the images that are in a cluster of both.</summary>
    private static double Agreement(IReadOnlyList<double> first, IReadOnlyList<long> second)
    {
        var both = Enumerable.Range(0, first.Count).Where(row => first[row] >= 0 && second[row] >= 0).ToArray();
        return ClusterAgreement.AdjustedRandIndex([.. both.Select(row => (long)first[row])], [.. both.Select(row => second[row])]);
    }

    private static void CheckSettings(DataSource source, AdaptationSettings settings)
    {
        var then = TrainingCheckpoint.ReadNotes(settings.Folder.Last);
        if (!then.TryGetValue(Options, out var begun))
            throw new UserErrorException($"{settings.Folder.Last} is not a checkpoint of the command adapt.");
        if (begun != settings.Command(source)) throw new UserErrorException(
            $"The run in {settings.Folder.Name} was begun with other options. To go on with it: {settings.ResumeCommand(source, begun)}");
    }
}
