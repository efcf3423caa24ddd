using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Compares similarities that random walks measure along the manifold of embeddings and proxies. The own proxy must be more similar than
/// the others, both directly and by its context, which is its similarity to all embeddings and proxies.
/// </summary>
/// <remarks>
/// <c>F = (1 − α)(I − αD^{−½}SD^{−½})⁻¹</c> over the N embeddings and the C proxies, <c>S = exp(2·[cos]₊)</c> with a diagonal of 0. The
/// loss of a sample has two terms, each <c>log(1 + Σ_{c≠y} e^{v_c} over the v_c ≥ 0)</c>: intrinsic, <c>v_c = F(x, p_c) − F(x, p_y) +
/// δ</c>; and, with the weight λ, context, <c>v_c = cos(F(x,·), F(p_c,·)) − cos(F(x,·), F(p_y,·)) + δ</c>. The labels name the proxy of
/// each sample; they may be meta-classes. Time is cubic in N + C. Default: λ = 1, α = 0.8, δ = 0.0005, mean over the samples. Aziere and
/// Todorovic, <i>Ensemble Deep Manifold Similarity Learning using Hard Proxies</i>, CVPR 2019; as in pytorch-metric-learning's
/// ManifoldLoss, which draws the meta-classes at random if none are given, and inverts in float32.
/// </remarks>
/// <param name="classes">The number of classes C, the number of proxies; pytorch-metric-learning has 50.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <param name="contextWeight">The context weight λ, 0 or greater. Default: 1.</param>
/// <param name="alpha">The factor α in [0, 1): how far a walk goes. Default: 0.8.</param>
/// <param name="margin">The margin δ, finite. Default: 0.0005.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
public sealed class ManifoldLoss(long classes, long dimension, double contextWeight = 1, double alpha = 0.8, double margin = 5e-4)
    : ClassLoss(nameof(ManifoldLoss), classes, dimension)
{
    /// <summary>The context weight λ.</summary>
    public double ContextWeight { get; } = Guard.NotNegative(contextWeight);

    /// <summary>The factor α.</summary>
    public double Alpha { get; } = Guard.HalfOpen(alpha, 0, 1);

    /// <summary>The margin δ.</summary>
    public double Margin { get; } = Guard.Finite(margin);

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => Cosines(embeddings, weights);

    /// <inheritdoc/>
    protected override bool IsCrossEntropy => false;

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> ClassTerms(LossBatch batch, Tensor labels, Tensor weights)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Rows == 0) yield break;
        var all = RowMath.Unit(cat([batch.Embeddings, weights]));
        var identity = eye(all.size(0), dtype: all.dtype, device: all.device);
        var similarity = (relu(all.matmul(all.t())) * S(2)).exp() * (S(1) - identity);
        var root = similarity.sum(1).rsqrt();
        var inverse = linalg.inv(identity - S(Alpha) * root.unsqueeze(1) * similarity * root);
        var walks = S(1 - Alpha) * inverse;
        var (samples, proxies) = (walks.narrow(0, 0, batch.Rows), walks.narrow(0, batch.Rows, weights.size(0)));
        yield return PerSample(Costs(samples.narrow(1, batch.Rows, weights.size(0)), labels));
        if (ContextWeight > 0) yield return PerSample(S(ContextWeight) * Costs(Cosines(samples, proxies), labels));
    }

    /// <summary>log(1 + Σ exp v) over the violations v ≥ 0 of each sample: [N, C] scores → [N].</summary>
    private Tensor Costs(Tensor scores, Tensor labels)
    {
        var own = Own(scores, labels);
        var violations = WithOwn(scores - own + S(Margin), labels, full_like(own, S(double.NegativeInfinity)));
        return violations.masked_fill(violations < S(0), S(double.NegativeInfinity)).exp().sum(1).log1p();
    }
}
