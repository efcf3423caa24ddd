using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Similarity along the manifold of the batch: random walks over embeddings and K learned proxies, <c>F = (1 − α)(I − αS̄)⁻¹</c>, are to lead from an
/// embedding to the proxy of its group rather than to others: <c>log(1 + Σ_k exp([F_ik − F_iy + m]₊)) + λ · log(1 + Σ_k exp([c_ik − c_iy + m]₊))</c>
/// over the proxies k ≠ y that break the margin, where c is the cosine of the rows of F.
/// </summary>
/// <remarks>
/// Default: α = 0.8, m = 5·10⁻⁴, λ = 1, mean over the embeddings, as pytorch-metric-learning. S̄ is <c>exp(2 [cos]₊)</c> without its diagonal, normalised by degree
/// on both sides. The labels are the groups, in [0, K): clusters, classes, or, as in the paper, which needs no classes, numbers drawn at random anew for each batch.
/// Time O((N + K)³). Aziere, Todorovic, <i>Ensemble Deep Manifold Similarity Learning Using Hard Proxies</i>, CVPR 2019.
/// </remarks>
public sealed class ManifoldLoss : ClassLoss
{
    /// <summary>Creates the proxies.</summary>
    /// <param name="proxies">K; 50 in pytorch-metric-learning.</param>
    /// <param name="dimension">D of the embeddings.</param>
    /// <param name="margin">m, 0 or greater; 5·10⁻⁴ by default.</param>
    public ManifoldLoss(int proxies, int dimension, double margin = 5e-4) : base(nameof(ManifoldLoss), proxies, dimension) =>
        Margin = Guard.NotNegative(margin);

    /// <summary>m.</summary>
    public double Margin { get; }

    /// <summary>α in [0, 1): how far the walks go; 0.8 by default.</summary>
    public double Alpha { get; init => field = Guard.Within(value, 0, Math.BitDecrement(1)); } = 0.8;

    /// <summary>λ, 0 or greater: the weight of the context term; 1 by default.</summary>
    public double ContextWeight { get; init => field = Guard.NotNegative(value); } = 1;

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => RowMath.Unit(embeddings).matmul(RowMath.Unit(weights).t());

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> ClassTerms(LossBatch batch, Tensor labels, Tensor weights)
    {
        if (batch.Rows == 0) yield break;
        var walks = Walks(cat([batch.Embeddings, weights]));
        var fromEmbeddings = walks.narrow(0, 0, batch.Rows);
        var fromProxies = walks.narrow(0, batch.Rows, Classes);
        var costs = Cost(fromEmbeddings.narrow(1, batch.Rows, Classes), labels) + ContextWeight * Cost(Score(fromEmbeddings, fromProxies), labels);
        // The walks are kept finite for the inverse; embeddings that are not must be seen.
        yield return new(costs + (batch.Embeddings * 0).sum(), arange(batch.Rows, ScalarType.Int64, costs.device));
    }

    private Tensor Walks(Tensor nodes)
    {
        var unit = RowMath.Unit(nodes);
        var self = eye(nodes.size(0), nodes.size(0), nodes.dtype, nodes.device);
        var ties = (2 * relu(unit.matmul(unit.t()))).exp() * (1 - self);
        var degree = ties.sum(1).rsqrt();
        return (1 - Alpha) * linalg.inv(self - Alpha * (degree.unsqueeze(1) * ties * degree).nan_to_num(0));
    }

    private Tensor Cost(Tensor scores, Tensor labels)
    {
        var index = labels.unsqueeze(1);
        var excess = scores - scores.gather(1, index) + Margin;
        var own = zeros_like(excess, ScalarType.Bool).scatter(1, index, ones_like(index, ScalarType.Bool));
        return softplus(RowMath.LogSumExp(excess, (excess >= 0) & own.logical_not()));
    }
}
