using static TorchSharp.torch;

namespace MetricLearning.Quality;

/// <summary>What a loss may look at in a step.</summary>
/// <param name="Output">What the network gave.</param>
/// <param name="Embedding">Its embedding, scaled to length one if the head says so.</param>
/// <param name="Pictures">What the network saw.</param>
/// <param name="Labels">Classes, from 0.</param>
internal sealed record StepData(ModelOutput Output, Tensor Embedding, Tensor Pictures, Tensor Labels)
{
    /// <summary>The first pictures of the pairs in a batch of <see cref="Batches.P32K2"/>.</summary>
    public static Tensor First(Tensor rows) => Every(rows, 0);

    /// <summary>The second ones.</summary>
    public static Tensor Second(Tensor rows) => Every(rows, 1);

    private static Tensor Every(Tensor rows, int from) => rows.view([rows.size(0) / 2, 2, .. rows.shape[1..]]).select(1, from);
}
