using System.Runtime.InteropServices;
using MetricLearning;
using MetricLearning.Onnx;
using MetricLearning.Vision;
using TrainingProject;
using static TorchSharp.torch;

// A terminal that was closed takes no more text. This must not end the run before it has saved its checkpoint.
if (!Console.IsOutputRedirected) Console.SetOut(new TerminalWriter(Console.Out));
Errors.TellMistakes(error => error is NotFiniteNumberException);
var epochs = 30;
if (args.Length is 0 or > 2 || (args.Length == 2 && !(int.TryParse(args[1], out epochs) && epochs > 0)))
{
    Console.Error.WriteLine("usage: dotnet run -c Release -- PICTURES [EPOCHS]\nPICTURES has one subfolder for each thing or person (40 or "
        + "more). EPOCHS is 1 or more, usually 30; small folders need more.");
    return 2;
}
// Ctrl-C, the SIGTERM of a scheduler or a closed terminal ends the run after the current batch. A second signal ends the program at once.
using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);

// The recipe. Change it as you like, and then delete the folder run: a run should end with the recipe that it began with.
const int size = 64, dimension = 128, identitiesPerBatch = 16, imagesPerIdentity = 4, seed = 1;

// The data. For a published dataset, write ReIdDataset.Market1501(folder), .Cub200(folder), .Csv(...) and so on.
var data = ReIdDataset.Folders(args[0]);
var (train, validation) = data.Train.SplitIdentities(0.8, seed);
Console.WriteLine(data);
if (validation.CountBy(image => image.Identity).All(count => count.Value < 2)) throw new InvalidDataException(
    $"{args[0]}: no thing that is kept for validation has two pictures, so no model could be the best. Add pictures.");
if (train.ClassCount < identitiesPerBatch) throw new InvalidDataException(
    $"{args[0]}: {train.ClassCount} things are left to train on, and a batch takes {identitiesPerBatch}. The others are for validation and "
    + "test. Add things, or lower identitiesPerBatch in Program.cs.");

// The network gives an embedding for search, and scores for the training identities. Take OSNet or ResNet for photographs.
manual_seed(seed);
using var model = new EmbeddingModel(new ConvNet4(imageChannels: 3), neck: new BNNeck(dimension),
    projection: new FullyConnectedNeck(64, dimension), classes: train.ClassCount);
var test = ImageTransform.ForEvaluation(size, size);
var augment = new ImageTransform(new Resize(size, size), new HorizontalFlip(), new PadAndCrop(size / 10), new ColorJitter(0.2, 0.2, 0.2),
    new Normalize());
var space = test.Space with { Architecture = "convnet4", Dimension = dimension, Distance = "cosine" };

// Batches, losses, learning rate.
var sampler = new IdentitySampler(train.Labels, identitiesPerBatch, imagesPerIdentity, seed: seed);
const int usefulSteps = 300;
var steps = epochs * sampler.BatchesPerEpoch;
if (steps < usefulSteps) Console.WriteLine($"EPOCHS {epochs} gives few training steps ({steps}) with these pictures. A network learns "
    + $"little in fewer than {usefulSteps}: take EPOCHS {(usefulSteps - 1) / sampler.BatchesPerEpoch + 1} or more.\n");
var loader = new ImageLoader(train, augment) { Seed = seed, CacheBytes = 1L << 30 };
using var losses = new LossSum()
    .Add("triplet", new TripletLoss(margin: 0.3) { Miner = new BatchHardMiner() })
    .Add("identity", new LabelSmoothingCrossEntropyLoss(), output => output.Logits!);
using var optimizer = optim.Adam(model.parameters(), lr: 0.003, weight_decay: 5e-4);
var schedule = new CosineSchedule(optimizer, TrainingSpan.Epochs(epochs), warmUp: WarmUp.Linear(TrainingSpan.Iterations(20), 0.1),
    iterationsPerEpoch: sampler.BatchesPerEpoch);

// Everything that training changes. It resumes from run/last.safetensors. Delete the folder to start again.
var checkpoint = new TrainingCheckpoint { Space = space };
checkpoint.Add("model", model);
checkpoint.Add("optimizer", optimizer);
checkpoint.Add("schedule", schedule);
checkpoint.Add("sampler", sampler);
var last = Path.Combine("run", TrainingCheckpoint.LastFile);
if (File.Exists(last))
{
    checkpoint.Load(last);
    // The learning rate falls over all epochs, so it would jump.
    if (checkpoint.Numbers.TryGetValue("epochs", out var begun) && begun != epochs) throw new ArgumentException(
        $"{last} belongs to a run of {begun} epochs, not of {epochs}. Continue it with EPOCHS {begun}, or delete the folder run.");
    Console.WriteLine($"resumed after epoch {sampler.State.Epoch}");
}
checkpoint.Numbers["epochs"] = epochs;
var record = new RunRecord(checkpoint);
try
{
    Train();
    Finish();
    return 0;
}
catch (OperationCanceledException)
{
    Console.WriteLine("stopped; run the same command again to continue");
    return 1;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
}

void Train()
{
    try
    {
        if (record.Before is null)
        {
            record.Before = Evaluation.Of("before training", model, data, test, stop.Token);
            checkpoint.Save(last);
        }
        while (true)
        {
            // Ends an epoch. This may be an epoch that a stopped run trained to its end but did not evaluate.
            if (record.Steps > 0 && sampler.State.Position == 0)
            {
                GoOnIf(model.parameters().All(weight => weight.isfinite().all().item<bool>()));
                var score = Evaluation.MeanAveragePrecision(model, validation, test, stop.Token);
                record.EndEpoch(sampler.State.Epoch);
                var best = checkpoint.SaveLastAndBest("run", score) ? ", the best" : "";
                Console.WriteLine($"epoch {sampler.State.Epoch}: loss {record.LastLoss:0.000}, mAP on validation {score:P1}{best}");
            }
            if (sampler.State.Epoch >= epochs) break;
            schedule.StartEpoch(sampler.State.Epoch);
            model.train();
            using var bar = new Bar($"epoch {sampler.State.Epoch + 1}/{epochs}", sampler.BatchesPerEpoch);
            foreach (var batch in loader.Batches(sampler, stop.Token)) Step(batch, bar);
        }
    }
    catch (OperationCanceledException)
    {
        checkpoint.Save(last);
        throw;
    }
}

void Step(ImageBatch batch, Bar bar)
{
    using var images = batch;
    using var step = NewDisposeScope();
    optimizer.zero_grad();
    using var output = model.call(batch.Images);
    var result = losses.Compute(output, batch.Labels);
    var loss = result.Value.item<float>();
    GoOnIf(float.IsFinite(loss));
    result.Value.backward();
    optimizer.SafeStep();
    record.Add(result, schedule.LearningRate);
    schedule.Step();
    bar.To(record.Steps, $"loss {loss:0.000}");
    if (checkpoint.Unsaved > TimeSpan.FromMinutes(5)) checkpoint.Save(last);
}

void GoOnIf(bool isFinite)
{
    if (!isFinite) throw new NotFiniteNumberException(
        "Training cannot go on: the loss or a weight is NaN or infinite. Lower the learning rate, and delete the folder run.");
}

// The test set is used once, with the model that was best on the validation identities. Nothing is saved here to continue from: the
// training has ended, and the model is no longer the last one.
void Finish()
{
    checkpoint.LoadModule(Path.Combine("run", TrainingCheckpoint.BestFile), "model");
    var after = Evaluation.Of("after training", model, data, test, stop.Token);
    Ui.Table(Figures.Table(("before training", record.Before!.Snapshot.Figures), ("after training", after.Snapshot.Figures)));
    model.eval();
    model.SaveForInference("run/model.safetensors", space);
    OnnxFile.Export(model, "run/model.onnx", new OnnxOptions { Space = space });
    Evaluation.SaveFeatures("run/features.npz", model, data, test);
    var comparison = Comparison.Table(("before", record.Before.PerQuery), ("after", after.PerQuery),
        [.. data.Query.Select(image => image.Identity)], stop.Token);
    HtmlReport.Write("run/report.html", new ReportData
    {
        Title = "Before and after training",
        Lead = $"{epochs} epochs on {train.ClassCount} identities of {data.Name}.",
        PictureRatio = 1,
        Snapshots = [record.Before.Snapshot, after.Snapshot],
        Comparison = comparison,
        ComparisonNote = Comparison.Note,
        Training = record.Curves,
        ModelSummary = ModelSummary.Of(model, [1, 3, size, size]).ToString(),
    });
    Console.WriteLine("run/model.safetensors, run/model.onnx, run/features.npz, run/report.html");
}
