using MetricLearning;
using MetricLearning.Vision;
using ProductSearch.Drawing;
using static TorchSharp.torch;

namespace ProductSearch;

/// <summary>Trains the network on pictures of drawn products.</summary>
internal static class Trainer
{
    private const int ProductsPerBatch = 16, ViewsPerBatch = 4;

    /// <summary>libtorch has one generator for the whole process. Servers in one process must not take numbers from it in turn.</summary>
    private static readonly Lock generator = new();

    /// <summary>Draws the pictures, and trains a network on them.</summary>
    /// <param name="seed">The seed of the products; the catalogue has another seed, so that training never uses the products of the
    /// catalogue.</param>
    /// <param name="amount">The amount of training.</param>
    /// <param name="report">Is called with the activity and the share of it that is done.</param>
    /// <param name="cancellationToken">Stops after the current batch.</param>
    /// <returns>The network in evaluation mode.</returns>
    public static EmbeddingModel Train(ulong seed, TrainingAmount amount, Action<string, double> report,
        CancellationToken cancellationToken)
    {
        var pictures = Draw(seed, amount, share => report("Drawing pictures to learn from", share), cancellationToken);
        var labels = Enumerable.Range(0, pictures.Length).Select(i => (long)(i / amount.Views)).ToArray();

        EmbeddingModel model;
        lock (generator)
        {
            manual_seed((long)seed);
            model = ProductNetwork.Create();
        }
        try
        {
            using var loss = new SupConLoss();
            using var optimizer = optim.Adam(model.parameters(), 0.003, weight_decay: 5e-4);
            var sampler = new IdentitySampler(labels, ProductsPerBatch, ViewsPerBatch, seed: seed);
            var schedule = new CosineSchedule(optimizer, TrainingSpan.Epochs(amount.Epochs),
                warmUp: WarmUp.Linear(TrainingSpan.Iterations(20), 0.1), iterationsPerEpoch: sampler.BatchesPerEpoch);
            var steps = amount.Epochs * sampler.BatchesPerEpoch;
            model.train();
            while (schedule.Iteration < steps)
            {
                schedule.StartEpoch(sampler.State.Epoch);
                foreach (var batch in sampler.Chunk(sampler.BatchSize))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    report("Training the network", (double)schedule.Iteration / steps);
                    using var step = NewDisposeScope();
                    optimizer.zero_grad();
                    var epoch = (ulong)sampler.State.Epoch;
                    using var output = model.call(Batch(batch.AsParallel().AsOrdered().Select(i =>
                        ProductNetwork.Augment.Apply(pictures[i], SeededRandom.ForStream(seed, epoch, (ulong)i)))));
                    loss.call(output.Embedding, tensor(batch.Select(i => labels[i]).ToArray())).backward();
                    optimizer.SafeStep();
                    schedule.Step();
                }
            }
            model.eval();
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The images of a batch as one tensor. They are created on other threads, so no dispose scope of this thread holds them.
    /// Without a reference that outlives the native call, the garbage collector may free them during the call.</summary>
    private static Tensor Batch(ParallelQuery<Tensor> images)
    {
        Tensor[] all = [.. images];
        try
        {
            return cat(all);
        }
        finally
        {
            foreach (var image in all) image.Dispose();
        }
    }

    /// <summary>Draws the pictures, product by product: some as in the catalogue, most as at home.</summary>
    private static Picture[] Draw(ulong seed, TrainingAmount amount, Action<double> report, CancellationToken cancellationToken)
    {
        var pictures = new Picture[amount.Products * amount.Views];
        var drawn = 0;
        Parallel.For(0, amount.Products, new ParallelOptions { CancellationToken = cancellationToken }, number =>
        {
            var product = Product.Of(seed, number);
            for (var view = 0; view < amount.Views; view++)
            {
                var random = SeededRandom.ForStream(seed, 0x7A, (ulong)number, (ulong)view);
                pictures[number * amount.Views + view] = product.Photograph(
                    view % 4 == 0 ? View.OfCatalogue((float)random.NextDouble(0, 2 * Math.PI)) : View.AtHome(random), ProductNetwork.Side);
            }
            report((double)Interlocked.Increment(ref drawn) / amount.Products);
        });
        return pictures;
    }
}
