using MetricLearning;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace PersonReId;

/// <summary>The lesson: one network, two outputs, two losses, one step. The library gives the parts; the loop is yours.</summary>
internal static class TrainingLoop
{
    /// <summary>Trains the model to the last epoch.</summary>
    /// <param name="model">The network, with a classifier for the people of the training set.</param>
    /// <param name="images">The training set.</param>
    /// <param name="s">The recipe.</param>
    /// <param name="judge">Called after each epoch with how many are done; gives mAP where it evaluated.</param>
    /// <param name="cancel">Stops after the batch at hand, with a checkpoint that <see cref="TrainingSettings.Resume"/> goes on
    /// from.</param>
    public static TrainingLog Run(
        EmbeddingModel model, ImageList images, TrainingSettings s, Func<int, double?> judge, CancellationToken cancel)
    {
        using var loss = new LossSum()
            .Add("triplet", new TripletLoss(s.Margin)
            {
                Miner = new BatchHardMiner(),
                Distance = s.Normalize ? Distance.Euclidean.Normalized() : Distance.Euclidean,
            })
            .Add("identity", new LabelSmoothingCrossEntropyLoss(s.Smoothing), output => output.Logits!);

        var sampler = new IdentitySampler(images.Labels, s.IdentitiesPerBatch, s.ImagesPerIdentity, seed: s.Seed);
        var augment = new ImageTransform(new Resize(s.Network.Height, s.Network.Width), new HorizontalFlip(),
            new PadAndCrop(s.Network.Height * 10 / 256), Networks.NormalizationOf(model), new RandomErasing(s.Erasing));
        var loader = new ImageLoader(images, augment)
        {
            Seed = s.Seed,
            Workers = s.Network.Workers,
            Device = Networks.DeviceOf(s.Network),
        };

        using var optimizer = optim.Adam(model.parameters(), s.LearningRate, weight_decay: 5e-4);
        var schedule = new MultiStepSchedule(optimizer, [.. s.Milestones.Select(epoch => TrainingSpan.Epochs(epoch))],
            warmUp: s.WarmUp > 0 ? WarmUp.Linear(TrainingSpan.Epochs(s.WarmUp), 0.1) : null,
            iterationsPerEpoch: sampler.BatchesPerEpoch);

        var checkpoint = new TrainingCheckpoint();
        checkpoint.Add("model", model);
        checkpoint.Add("optimizer", optimizer);
        checkpoint.Add("schedule", schedule);
        checkpoint.Add("sampler", sampler);
        var last = Path.Combine(s.Output.FullName, TrainingCheckpoint.LastFile);
        if (s.Resume) checkpoint.Load(last);

        var log = new TrainingLog(s, sampler, checkpoint);
        try
        {
            while (sampler.State.Epoch < s.Epochs)
            {
                schedule.StartEpoch(sampler.State.Epoch);
                model.train();
                foreach (var batch in log.Follow(loader.Batches(sampler, CancellationToken.None)))
                {
                    using (batch)
                    using (NewDisposeScope())
                    {
                        optimizer.zero_grad();
                        using var output = model.call(batch.Images);
                        var result = loss.Compute(output, batch.Labels);
                        result.Value.backward();
                        optimizer.step();
                        schedule.Step();
                        log.Add(result, schedule.LearningRate);
                    }
                    cancel.ThrowIfCancellationRequested();
                }
                checkpoint.Save(last);
                if (judge(sampler.State.Epoch) is { } score) checkpoint.SaveLastAndBest(s.Output.FullName, score);
            }
        }
        catch (OperationCanceledException)
        {
            checkpoint.Save(last);
            throw;
        }
        return log;
    }
}
