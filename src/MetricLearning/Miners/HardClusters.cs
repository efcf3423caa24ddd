using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>One triplet a class: its mean as anchor, its embedding farthest from the mean, and the nearest mean of another class.</summary>
/// <remarks>
/// No <see cref="Miner"/> of a loss, as its anchors and negatives are not embeddings of the batch:
/// <code>
/// using var clusters = miner.Mine(embeddings, labels);
/// using var value = loss.forward(clusters.Means, clusters.Tuples, clusters.References);
/// </code>
/// A class of one row has no spread and gives no triplet, though its mean is a negative of others. Memory O(C·(N + C)).
/// As open-metric-learning's HardClusterMiner, for classes of any size.
/// </remarks>
public sealed class HardClusters
{
    private static readonly BatchHardMiner hardest = new();

    /// <summary>What near means; Euclidean by default.</summary>
    public Distance Distance { get; init; } = Distance.Euclidean;

    /// <summary>Forms the means and picks the triplets.</summary>
    /// <param name="embeddings">[N, D].</param>
    /// <param name="labels">int64 [N].</param>
    /// <returns>The tuples, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public ClusterTuples Mine(Tensor embeddings, Tensor labels)
    {
        Guard.Matrix(embeddings);
        using var scope = NewDisposeScope();
        labels = Guard.Labels(labels, embeddings.size(0));
        var x = RowMath.Widen(embeddings);
        var (classes, _, _) = labels.to(x.device).unique();
        var own = classes.unsqueeze(1) == labels.to(x.device).unsqueeze(0);
        var counts = own.sum(1);
        var means = zeros([classes.size(0), x.size(1)], x.dtype, x.device).index_add(0, ClassOf(own), x, S(1)) / counts.unsqueeze(1);
        var references = cat([x, means]);
        var others = classes.unsqueeze(1) != classes.unsqueeze(0);
        var candidates = new Pairs(
            cat([own & (counts > S(1)).unsqueeze(1), zeros_like(others)], 1), cat([zeros_like(own), others], 1));
        Tuples tuples;
        using (no_grad()) tuples = hardest.Mine(Distance.Matrix(means, references), candidates);
        tuples.MoveToOuterDisposeScope();
        return new(means.MoveToOuterDisposeScope(), references.MoveToOuterDisposeScope(), tuples);
    }

    private static Tensor ClassOf(Tensor own) =>
        own.size(0) == 0 ? zeros(0, ScalarType.Int64, own.device) : own.to(ScalarType.Byte).argmax(0);
}
