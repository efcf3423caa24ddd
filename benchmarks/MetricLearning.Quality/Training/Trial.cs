using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Quality;

/// <summary>One training of one entry.</summary>
internal static class Trial
{
    private const double LargestNorm = 10;

    /// <summary>The factor from the learning rate of the network to that of class vectors, proxies and centers.</summary>
    private const double LossRate = 10;
    private const int EvaluationRows = 512;

    /// <summary>How many steps a run has.</summary>
    public static int Steps(DataKind kind, bool quick) => quick ? 2 : kind == DataKind.Features ? 200 : 300;

    /// <summary>Trains a network.</summary>
    /// <param name="entry">What trains it.</param>
    /// <param name="data">What it learns from.</param>
    /// <param name="rate">The learning rate at the start; it falls to 0 along a cosine.</param>
    /// <param name="value">The value of the loss's setting.</param>
    /// <param name="steps">The steps.</param>
    /// <param name="seed">The seed of weights and batches.</param>
    /// <returns>The network in evaluation mode, which the caller disposes.</returns>
    /// <exception cref="ArithmeticException">The loss or the gradient became infinite or NaN.</exception>
    public static EmbeddingModel Train(Entry entry, QualityData data, double rate, double value, int steps, ulong seed)
    {
        random.manual_seed((long)seed);
        var model = Networks.Create(data, entry.Head, entry.Classifies ? data.Classes : 0);
        try
        {
            using var objective = entry.Create(new(data.Classes, steps, value));
            List<Adam.ParamGroup> groups = [new(model.parameters(), lr: rate)];
            if (objective.Loss.parameters().Any()) groups.Add(new(objective.Loss.parameters(), lr: LossRate * rate));
            using var optimizer = optim.Adam(groups, lr: rate);
            var schedule = new CosineSchedule(optimizer, TrainingSpan.Iterations(steps));
            foreach (var rows in BatchSource.Of(entry.Batches, data, seed, rows => Embed(model, data, data.Train, rows)).Take(steps))
            {
                using var scope = NewDisposeScope();
                model.train();
                optimizer.zero_grad();
                var pictures = data.Pictures(data.Train, rows);
                var output = model.call(pictures);
                var labels = tensor(rows.Select(row => data.Labels[row]).ToArray());
                var embedding = entry.Head.Normalized ? nn.functional.normalize(output.Embedding) : output.Embedding;
                var loss = objective.Value(new(output, embedding, pictures, labels));
                var number = loss.item<float>();
                if (!float.IsFinite(number)) throw new ArithmeticException($"The loss became {number}.");
                loss.backward();
                if (!double.IsFinite(GradientClipping.ByNorm(model.parameters(), LargestNorm, allowNonFinite: true)))
                    throw new ArithmeticException("The gradient is not finite.");
                optimizer.SafeStep();
                schedule.Step();
                objective.AfterStep?.Invoke();
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

    /// <summary>A network that was not trained.</summary>
    public static EmbeddingModel Untrained(QualityData data, ulong seed)
    {
        random.manual_seed((long)seed);
        var model = Networks.Create(data, default, 0);
        model.eval();
        return model;
    }

    /// <summary>The embeddings of all pictures.</summary>
    public static EmbeddingSet Embed(EmbeddingModel model, QualityData data, EmbeddingSet set)
    {
        using var scope = NewDisposeScope();
        var parts = Enumerable.Range(0, set.Count).Select(row => (long)row).Chunk(EvaluationRows)
            .Select(rows => Embed(model, data, set, rows)).ToList();
        return new EmbeddingSet(cat(parts), set.Identities, set.Cameras);
    }

    private static Tensor Embed(EmbeddingModel model, QualityData data, EmbeddingSet set, long[] rows)
    {
        using var mode = new EvaluationMode(model);
        using var pictures = data.Pictures(set, rows);
        return model.Embed(pictures);
    }
}
