using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Forms one triplet for each class: its mean as anchor, its embedding farthest from the mean as positive, and the nearest mean of
/// another class as negative.</summary>
/// <remarks>
/// It is not a <see cref="Miner"/>, because its anchors and negatives are not embeddings of the batch:
/// <code>
/// using var clusters = new HardClusters().Mine(embeddings, labels);
/// using var value = loss.forward(clusters.Means, clusters.Tuples, clusters.References);
/// </code>
/// A class of one row has no spread and gives no triplet, but its mean is a negative of other classes. Memory O(C·(N + C)). It follows
/// open-metric-learning's HardClusterMiner, and takes classes of any size.
/// <para>Thread safety: immutable; any number of threads may mine at once, each with a batch of its own.</para>
/// </remarks>
public sealed class HardClusters
{
    private static readonly BatchHardMiner hardest = new();

    /// <summary>The distance to mine by; Euclidean by default.</summary>
    /// <exception cref="ArgumentNullException">The distance is null.</exception>
    public Distance Distance { get; init => field = Guard.NotNull(value); } = Distance.Euclidean;

    /// <summary>Computes the means and picks the triplets.</summary>
    /// <param name="embeddings">The embeddings [N, D], floating point; N may be 0.</param>
    /// <param name="labels">The labels [N], of any integer type; only equality counts.</param>
    /// <returns>The means, the references and the triplets, which the caller disposes.</returns>
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

    /// <summary>The class of each row, int64 [N], from the mask [C, N] of the rows of each class.</summary>
    private static Tensor ClassOf(Tensor own) =>
        own.size(0) == 0 ? zeros(0, ScalarType.Int64, own.device) : own.to(ScalarType.Byte).argmax(0);
}
