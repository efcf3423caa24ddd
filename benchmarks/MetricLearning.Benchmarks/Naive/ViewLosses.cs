using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>Losses on two views of the same rows.</summary>
internal static class ViewLosses
{
    /// <summary>pytorch-metric-learning's VICRegLoss.</summary>
    public static Tensor VicReg(Tensor x, Tensor y)
    {
        var invariance = 25 * (x - y).pow(2).mean([1]);
        return invariance.mean() + Spread(x).mean() + Spread(y).mean() + Covariance(x) + Covariance(y);

        static Tensor Spread(Tensor view) => 25 * relu(1 - (view.var(0) + 1e-4).sqrt()) / 2;

        static Tensor Covariance(Tensor view)
        {
            var (n, d) = (view.size(0), view.size(1));
            view = view - view.mean([0]);
            var covariance = view.t().matmul(view) / (n - 1);
            return covariance[eye(d, dtype: ScalarType.Bool, device: view.device).logical_not()].pow(2).sum() / d;
        }
    }

    /// <summary>The authors' Barlow Twins: batch normalization without weights, then the correlations.</summary>
    public static Tensor BarlowTwins(Tensor x, Tensor y)
    {
        var c = Standard(x).t().matmul(Standard(y)) / x.size(0);
        var d = c.size(0);
        var others = c.flatten().narrow(0, 0, d * d - 1).view(d - 1, d + 1).narrow(1, 1, d).flatten();
        return (c.diagonal() - 1).pow(2).sum() + 0.005 * others.pow(2).sum();

        static Tensor Standard(Tensor view) => batch_norm(view, null, null, training: true);
    }

    /// <summary>The authors' SimSiam, in both directions.</summary>
    public static Tensor SimSiam(Tensor p, Tensor q, Tensor z, Tensor w) =>
        -(cosine_similarity(p, w.detach(), dim: 1).mean() + cosine_similarity(q, z.detach(), dim: 1).mean()) * 0.5;

    /// <summary>open_clip's ClipLoss on rows that it normalizes, with a scale that gets a gradient.</summary>
    public static Tensor Clip(Tensor x, Tensor y)
    {
        var logits = Learned(Math.Log(1 / 0.07), x).exp() * normalize(x).mm(normalize(y).t());
        var partners = arange(x.size(0), device: x.device);
        return (cross_entropy(logits, partners) + cross_entropy(logits.t(), partners)) / 2;
    }

    /// <summary>open_clip's SigLipLoss on rows that it normalizes, with a scale and a bias that get a gradient.</summary>
    public static Tensor SigLip(Tensor x, Tensor y)
    {
        var logits = Learned(Math.Log(10), x).exp() * normalize(x).mm(normalize(y).t()) + Learned(-10, x);
        var labels = 2 * eye(x.size(0), device: x.device) - ones_like(logits);
        return -logsigmoid(labels * logits).sum() / x.size(0);
    }

    /// <summary>sentence-transformers' CoSENTLoss.</summary>
    public static Tensor CoSent(Tensor x, Tensor y, Tensor similarities) => InOrder(cosine_similarity(x, y, dim: 1), similarities);

    /// <summary>sentence-transformers' AnglELoss.</summary>
    public static Tensor AnglE(Tensor x, Tensor y, Tensor similarities)
    {
        var (first, second) = (x.chunk(2, 1), y.chunk(2, 1));
        var (a, b, c, d) = (first[0], first[1], second[0], second[1]);
        var (xSquare, ySquare) = (x.pow(2).sum(1, keepdim: true), y.pow(2).sum(1, keepdim: true));
        var ratio = xSquare.sqrt() / ySquare.sqrt();
        var (real, imaginary) = ((a * c + b * d) / ySquare / ratio, (b * c - a * d) / ySquare / ratio);
        return InOrder(cat([real, imaginary], 1).sum(1).abs(), similarities);
    }

    /// <summary>sentence-transformers' CosineSimilarityLoss.</summary>
    public static Tensor CosineSimilarity(Tensor x, Tensor y, Tensor similarities) =>
        mse_loss(cosine_similarity(x, y, dim: 1), similarities);

    private static Tensor InOrder(Tensor scores, Tensor similarities)
    {
        scores = 20 * scores;
        var differences = scores.unsqueeze(1) - scores.unsqueeze(0);
        var counted = (similarities.unsqueeze(1) < similarities.unsqueeze(0)).to(scores.dtype);
        return cat([zeros(1, scores.dtype, scores.device), (differences - (1 - counted) * 1e12).view(-1)]).logsumexp(0);
    }

    /// <summary>One minus the cosine of student and teacher.</summary>
    public static Tensor EmbeddingDistillation(Tensor student, Tensor teacher) =>
        (1 - cosine_similarity(student, teacher, dim: 1)).mean();

    /// <summary>The authors' relational knowledge distillation.</summary>
    public static Tensor RelationDistillation(Tensor student, Tensor teacher)
    {
        return smooth_l1_loss(Distances(student), Distances(teacher)) + 2 * smooth_l1_loss(Angles(student), Angles(teacher));

        static Tensor Distances(Tensor x)
        {
            var squares = x.pow(2).sum(dim: 1);
            var distances = (squares.unsqueeze(1) + squares.unsqueeze(0) - 2 * x.mm(x.t())).clamp(1e-12).sqrt();
            distances = distances * (1 - eye(x.size(0), device: x.device));
            return distances / distances[distances > 0].mean();
        }

        static Tensor Angles(Tensor x)
        {
            var directions = normalize(x.unsqueeze(0) - x.unsqueeze(1), p: 2, dim: 2);
            return directions.bmm(directions.transpose(1, 2));
        }
    }

    /// <summary>The Kullback-Leibler divergence of the softmax of the cosines to the other rows.</summary>
    public static Tensor RankingDistillation(Tensor student, Tensor teacher)
    {
        return kl_div(log_softmax(Others(student), 1), softmax(Others(teacher), 1), log_target: false, reduction: nn.Reduction.Sum)
            / student.size(0);

        static Tensor Others(Tensor x)
        {
            var n = x.size(0);
            var unit = normalize(x);
            var others = eye(n, dtype: ScalarType.Bool, device: x.device).logical_not();
            return unit.mm(unit.t()).masked_select(others).view(n, n - 1) / 0.1;
        }
    }

    /// <summary>sentence-transformers' GISTEmbedLoss: cosines by N·N·D products, for the model and its guide.</summary>
    public static Tensor GistEmbed(Tensor anchors, Tensor positives, Tensor guideAnchors, Tensor guidePositives)
    {
        var (ap, aa, pp) = (All(anchors, positives), All(anchors, anchors), All(positives, positives));
        var (guideAp, guideAa, guidePp) = (
            All(guideAnchors, guidePositives), All(guideAnchors, guideAnchors), All(guidePositives, guidePositives));
        var own = guideAp.diagonal().view(-1, 1);
        var scores = cat([Hide(ap, guideAp), Hide(aa, guideAa), Hide(pp, guidePp)], 1) / 0.01;
        return cross_entropy(scores, arange(scores.size(0), device: scores.device));

        static Tensor All(Tensor x, Tensor y) => cosine_similarity(x.unsqueeze(1), y.unsqueeze(0), dim: -1);

        Tensor Hide(Tensor of, Tensor guide) => of.masked_fill(guide > own, float.NegativeInfinity);
    }

    /// <summary>TensorFlow Addons' npairs_multilabel_loss.</summary>
    public static Tensor MultiLabelNPairs(Tensor anchors, Tensor positives, Tensor memberships)
    {
        var common = memberships.matmul(memberships.t());
        var targets = common / common.sum(1, keepdim: true);
        return -(targets * log_softmax(anchors.matmul(positives.t()), 1)).sum(1).mean();
    }

    /// <summary>pytorch-metric-learning's SelfSupervisedLoss around NTXentLoss.</summary>
    public static Tensor SelfSupervised(Tensor x, Tensor y)
    {
        var rows = arange(x.size(0), device: x.device);
        return PairLosses.NTXent(cat([x, y]), cat([rows, rows]));
    }

    private static Tensor Learned(double start, Tensor like) => tensor((float)start, device: like.device, requires_grad: true);
}
