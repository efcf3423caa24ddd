using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Recomputes the statistics of batch normalization from many batches with the current weights.</summary>
/// <remarks>
/// During training the running mean and variance follow changing weights. Shortly before an evaluation they can be computed exactly. This
/// is precise batch norm, as in fvcore and fast-reid. Call it while the model is in training mode, with augmented training images. Give
/// the batches a sampler of their own: enumerating the training's sampler would take these batches away from its next epoch.
/// <code>
/// model.train();
/// var own = new ShuffleSampler(data.Train.Count, batchSize: 64, seed: 2);
/// BatchStatistics.Recompute(model, loader.Batches(own).Take(200).Select(batch =&gt; batch.Images));
/// </code>
/// <para>Thread safety: one thread at a time, while no other uses the model.</para>
/// </remarks>
public static class BatchStatistics
{
    /// <summary>Replaces the running mean and variance of each batch normalization that is in training mode. A frozen one, in evaluation
    /// mode, keeps its own. The counts of batches stay as they are.</summary>
    /// <param name="model">The model, with such a layer. It runs without gradient and in its current modes, so dropout is active.</param>
    /// <param name="batches">At least one batch of images, each an input of the model. The caller disposes them.</param>
    /// <param name="rule">How batches become one mean and variance. Default: <see cref="BatchStatisticsRule.Pooled"/>.</param>
    /// <param name="cancellationToken">Stops it; the statistics are then as before.</param>
    /// <returns>The number of layers with new statistics.</returns>
    /// <exception cref="ArgumentNullException">The model, the batches or one of them is null.</exception>
    /// <exception cref="ArgumentException">There is no batch, or no batch normalization in training mode.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The enum has no such value.</exception>
    /// <exception cref="InvalidOperationException">The model did not run such a layer by <c>call</c>, or its statistics are NaN or
    /// infinite; the message names the layer. The statistics are as before.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static int Recompute<TResult>(nn.Module<Tensor, TResult> model, IEnumerable<Tensor> batches,
        BatchStatisticsRule rule = BatchStatisticsRule.Pooled, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batches);
        Guard.Defined(rule);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var layers = LayersOf(model, rule);
        if (layers.Count == 0)
            throw new ArgumentException("model must have a batch normalization in training mode: call model.train() first.", nameof(model));
        var before = layers.Keys.Select(layer => layer.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.clone()))
            .ToList();
        try
        {
            var any = false;
            foreach (var batch in batches)
            {
                ArgumentNullException.ThrowIfNull(batch, nameof(batches));
                cancellationToken.ThrowIfCancellationRequested();
                using var pass = NewDisposeScope();
                LayerTaps.Call(model, batch, (layer, input, _) =>
                {
                    if (layers.TryGetValue(layer, out var sums)) sums.Add(input);
                });
                any = true;
            }
            if (!any) throw new ArgumentException("batches must hold at least one batch.", nameof(batches));
            foreach (var (layer, sums) in layers)
            {
                if (sums.IsEmpty) throw new InvalidOperationException(
                    $"The model did not run the layer '{NameOf(model, layer)}' (or ran it by forward, not by call).");
                if (!sums.AreFinite) throw new InvalidOperationException(
                    $"The statistics of the layer '{NameOf(model, layer)}' are not finite: look for a NaN in the batches or the weights.");
            }
        }
        catch
        {
            Restore(layers.Keys, before, _ => true);
            throw;
        }
        Restore(layers.Keys, before, name => name == "num_batches_tracked");
        foreach (var (layer, sums) in layers)
        {
            var (mean, variance) = sums.Result();
            layer.get_buffer("running_mean")!.copy_(mean);
            layer.get_buffer("running_var")!.copy_(variance);
        }
        return layers.Count;
    }

    private static Dictionary<nn.Module, Sums> LayersOf(nn.Module model, BatchStatisticsRule rule)
    {
        var found = new Dictionary<nn.Module, Sums>(ReferenceEqualityComparer.Instance);
        foreach (var (name, module) in model.named_modules())
            if (name.Length > 0 && module is BatchNorm && module.training
                && module.get_buffer("running_mean") is { } mean)
                found.TryAdd(module, new Sums(mean, rule));
        return found;
    }

    private static string NameOf(nn.Module model, nn.Module layer) =>
        model.named_modules().First(entry => ReferenceEquals(entry.module, layer)).name;

    private static void Restore(IEnumerable<nn.Module> layers, List<Dictionary<string, Tensor>> before, Func<string, bool> which)
    {
        foreach (var (layer, state) in layers.Zip(before))
            foreach (var (name, target) in layer.state_dict())
                if (which(name)) target.copy_(state[name]);
    }

    /// <summary>The mean and the sum of squared deviations of all values of each channel, in float64, joined batch by batch; or the means
    /// of the batches' own statistics.</summary>
    private sealed class Sums(Tensor like, BatchStatisticsRule rule)
    {
        private readonly Tensor mean = zeros(like.shape, ScalarType.Float64, like.device);
        private readonly Tensor spread = zeros(like.shape, ScalarType.Float64, like.device);
        private double count;

        public bool IsEmpty => count == 0;

        /// <summary>Whether the result is finite in the type of the layer.</summary>
        public bool AreFinite
        {
            get
            {
                using var scope = NewDisposeScope();
                var (mean, variance) = Result();
                return stack([mean, variance]).to(like.dtype).isfinite().all().item<bool>();
            }
        }

        /// <param name="input">[N, C, ...].</param>
        public void Add(Tensor input)
        {
            using var scope = NewDisposeScope();
            var values = input.to(ScalarType.Float64).transpose(0, 1).flatten(1);
            var size = values.size(1);
            if (size == 0) return;
            var own = values.mean([1]);
            var squares = (values - own.unsqueeze(1)).pow(S(2)).sum(dim: 1);
            if (rule == BatchStatisticsRule.MeanOfBatches)
            {
                // This is the value of a layer with momentum 1: the variance with the divisor n − 1.
                count++;
                mean.add_(own - mean, S(1 / count));
                spread.add_(squares / S(Math.Max(1, size - 1.0)) - spread, S(1 / count));
                return;
            }
            // Chan, Golub and LeVeque: this combines the statistics of two groups without the cancellation of E[x²] − E[x]².
            var all = count + size;
            var gap = own - mean;
            spread.add_(squares, S(1)).add_(gap.pow(S(2)), S(count * size / all));
            mean.add_(gap, S(size / all));
            count = all;
        }

        public (Tensor Mean, Tensor Variance) Result() =>
            (mean, rule == BatchStatisticsRule.MeanOfBatches ? spread : spread / S(Math.Max(1, count - 1)));
    }
}
