using MetricLearning;
using MetricLearning.Vision;
using PersonReId.Recipes;
using static TorchSharp.torch;

namespace PersonReId;

/// <summary>The training loop of the lesson: one network with two outputs, two losses, one step. <see cref="RecipeParts"/> creates the
/// parts that a recipe names. Copy both and change them as you need.</summary>
internal static class TrainingLoop
{
    /// <summary>Trains a network, evaluates it before, during and after, and keeps the last and the best checkpoint.</summary>
    /// <param name="source">The dataset.</param>
    /// <param name="settings">The recipe.</param>
    /// <param name="cancellationToken">Stops after the current batch and saves a checkpoint, from which <see cref="RunStart.Resume"/>
    /// continues.</param>
    /// <returns>The content of the report.</returns>
    public static RunRecord Run(DataSource source, TrainingSettings settings, CancellationToken cancellationToken)
    {
        var (network, folder) = (settings.Network, settings.Folder);
        var data = source.Open();
        var checkpoint = new TrainingCheckpoint();
        var record = RunRecord.Begin(source, data, settings, checkpoint);

        // The network: an embedding for the triplet loss and for searching, and a class for each person of the training set.
        manual_seed((long)settings.Seed);
        // The checkpoint of a run that goes on has all weights.
        using var model = Networks.Create(settings.Start == RunStart.Resume ? network with { Weights = null } : network,
            settings.Recipe.NeedsClassifier ? data.Train.ClassCount : 0);
        record.Describe(model);

        // The batches, such as P people with K images each. The images are changed a little at random every time.
        var recipe = settings.Recipe;
        var sampler = RecipeParts.SamplerOf(recipe, data.Train, settings.Seed);
        foreach (var warning in recipe.Warnings(sampler.BatchesPerEpoch)) Ui.Line($"warning: {warning}");
        var space = Networks.SpaceOf(network, model) with { Distance = settings.DistanceName };
        var loader = new ImageLoader(data.Train, RecipeParts.AugmentationOf(recipe, space))
        {
            Seed = settings.Seed, Workers = network.Workers, Device = Networks.DeviceOf(network),
        };

        // The losses, the optimizers, and the schedule of the learning rate.
        using var parts = new RecipeParts(recipe, model, data.Train.ClassCount, sampler.BatchesPerEpoch);

        // Optional: a larger network from which the network also learns.
        using var teacher = settings.Teacher is { } given ? Teacher.Read(given, source, data.Train, loader.Device) : null;

        // The checkpoint: everything that training changes, the results so far, and the embedding space.
        checkpoint.Space = space;
        checkpoint.Add("model", model);
        parts.AddTo(checkpoint);
        checkpoint.Add("sampler", sampler);
        if (settings.Start == RunStart.Resume) checkpoint.Load(folder.Last);
        else
        {
            folder.Clear();
            checkpoint.Save(folder.Last);
        }

        try
        {
            using var log = new TrainingLog(record, sampler, checkpoint);
            while (true)
            {
                // Evaluates before training, after it, and at some epochs between. It also makes an evaluation that a stopped run did not
                // reach.
                var epoch = sampler.State.Epoch;
                if (record.IsEvaluationDue(sampler.State))
                {
                    var report = record.Evaluate(epoch, model, cancellationToken);
                    checkpoint.SaveLastAndBest(folder.Name, report.MeanAveragePrecision);
                }
                if (settings.Keeps(sampler.State) && !File.Exists(folder.Numbered(epoch))) checkpoint.Save(folder.Numbered(epoch));
                if (epoch >= settings.Epochs) return record;

                parts.StartEpoch(epoch);
                log.StartEpoch();
                foreach (var batch in loader.Batches(sampler, cancellationToken))
                {
                    using var images = batch;
                    using var scope = NewDisposeScope();
                    var rate = parts.Schedule.LearningRate;     // a step sets the rate of the next
                    log.Add(parts.Step(batch.Images, batch.Labels, teacher, batch.Indices), rate);
                    if (checkpoint.Unsaved >= settings.SaveAfter) checkpoint.Save(folder.Last);
                }
                checkpoint.Save(folder.Last);
            }
        }
        catch (OperationCanceledException)
        {
            checkpoint.Save(folder.Last);
            throw;
        }
    }
}
