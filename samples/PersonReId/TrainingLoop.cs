using MetricLearning;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace PersonReId;

/// <summary>The lesson: one network with two outputs, two losses, one step. Copy this method and make it yours.</summary>
internal static class TrainingLoop
{
    /// <summary>Trains a network, evaluates it before, during and after, and keeps the last and the best checkpoint.</summary>
    /// <param name="source">The dataset.</param>
    /// <param name="settings">The recipe.</param>
    /// <param name="cancellationToken">Stops after the current batch, with a checkpoint from which <see cref="RunStart.Resume"/> goes
    /// on.</param>
    /// <returns>All that the report shows.</returns>
    public static RunRecord Run(DataSource source, TrainingSettings settings, CancellationToken cancellationToken)
    {
        var (network, folder) = (settings.Network, settings.Folder);
        var data = source.Open();
        var checkpoint = new TrainingCheckpoint();
        var record = RunRecord.Begin(source, data, settings, checkpoint);

        // The network: an embedding for the triplet loss and for searching, and a class for each person of the training set.
        manual_seed((long)settings.Seed);
        using var model = Networks.Create(network, data.Train.ClassCount);
        record.Describe(model);

        // The batches: P people with K images each, changed a little at random every time.
        var sampler = new IdentitySampler(data.Train.Labels, settings.IdentitiesPerBatch, settings.ImagesPerIdentity, seed: settings.Seed);
        var space = Networks.SpaceOf(network, model) with { Distance = settings.DistanceName };
        var plain = ImageTransform.For(space).Steps;
        var augment = new ImageTransform(plain[0], new HorizontalFlip(), new PadAndCrop(network.Height * 10 / 256), plain[1],
            new RandomErasing(settings.Erasing));
        var loader = new ImageLoader(data.Train, augment)
        {
            Seed = settings.Seed, Workers = network.Workers, Device = Networks.DeviceOf(network),
        };

        // The losses: the hardest triplet of each image, and the cross entropy of the classes.
        using var losses = new LossSum()
            .Add("triplet", new TripletLoss(settings.Margin)
            {
                Miner = new BatchHardMiner(),
                Distance = settings.Normalize ? Distance.Euclidean.Normalized() : Distance.Euclidean,
            })
            .Add("identity", new LabelSmoothingCrossEntropyLoss(settings.Smoothing), output => output.Logits!);

        // The learning rate: it warms up, and is divided by ten at each milestone.
        using var optimizer = optim.Adam(model.parameters(), settings.LearningRate, weight_decay: 5e-4);
        var schedule = new MultiStepSchedule(optimizer, [.. settings.Milestones.Select(epoch => TrainingSpan.Epochs(epoch))],
            warmUp: settings.WarmUp > 0 ? WarmUp.Linear(TrainingSpan.Epochs(settings.WarmUp), 0.1) : null,
            iterationsPerEpoch: sampler.BatchesPerEpoch);

        // The checkpoint: everything that training changes, what the record has learned, and what the embeddings are.
        checkpoint.Space = space;
        checkpoint.Add("model", model);
        checkpoint.Add("optimizer", optimizer);
        checkpoint.Add("schedule", schedule);
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
                // Before training, after it, and at some epochs between: also what a run that was stopped still owes.
                var epoch = sampler.State.Epoch;
                if (record.IsEvaluationDue(sampler.State))
                {
                    var report = record.Evaluate(epoch, model, cancellationToken);
                    checkpoint.SaveLastAndBest(folder.Name, report.MeanAveragePrecision);
                }
                if (epoch >= settings.Epochs) return record;

                schedule.StartEpoch(epoch);
                model.train();
                log.StartEpoch();
                foreach (var batch in loader.Batches(sampler, cancellationToken))
                {
                    using var images = batch;
                    using var scope = NewDisposeScope();
                    optimizer.zero_grad();
                    using var output = model.call(batch.Images);
                    var result = losses.Compute(output, batch.Labels);
                    result.Value.backward();
                    optimizer.step();
                    schedule.Step();
                    log.Add(result, schedule.LearningRate);
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
