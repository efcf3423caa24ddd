using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>Losses against learned class vectors [C, D]. If a peer stores [D, C], this is the transpose.</summary>
internal static class ClassLosses
{
    /// <summary>pytorch-metric-learning's ArcFaceLoss.</summary>
    public static Tensor ArcFace(Tensor x, Tensor labels, Tensor weights, double margin = 0.5, double scale = 64) =>
        Margined(Distances.Similarity(x, weights), labels, Bent(margin), scale);

    /// <summary>pytorch-metric-learning's SubCenterArcFaceLoss.</summary>
    public static Tensor SubCenterArcFace(Tensor x, Tensor labels, Tensor weights, int centers = 3) =>
        Margined(Distances.Similarity(x, weights).view(x.size(0), -1, centers).max(2).values, labels, Bent(0.5), 64);

    /// <summary>pytorch-metric-learning's CosFaceLoss.</summary>
    public static Tensor CosFace(Tensor x, Tensor labels, Tensor weights, double margin = 0.35, double scale = 64) =>
        Margined(Distances.Similarity(x, weights), labels, own => own - margin, scale);

    /// <summary>A linear layer without bias, then cross entropy: the classifier of every library.</summary>
    public static Tensor Softmax(Tensor x, Tensor labels, Tensor weights) => cross_entropy(linear(x, weights), labels);

    /// <summary>pytorch-metric-learning's NormalizedSoftmaxLoss.</summary>
    public static Tensor NormalizedSoftmax(Tensor x, Tensor labels, Tensor weights) =>
        cross_entropy(Distances.Similarity(x, weights) / 0.05, labels);

    /// <summary>fast-reid's CircleSoftmax, then cross entropy.</summary>
    public static Tensor CircleSoftmax(Tensor x, Tensor labels, Tensor weights, double margin = 0.35, double scale = 64)
    {
        var s = linear(Distances.Unit(x), Distances.Unit(weights));
        var near = scale * (1 + margin - s.detach()).clamp(min: 0) * (s - (1 - margin));
        var far = scale * (s.detach() + margin).clamp(min: 0) * (s - margin);
        var own = one_hot(labels, weights.size(0));
        return cross_entropy(own * near + (1 - own) * far, labels);
    }

    /// <summary>pytorch-metric-learning's ProxyAnchorLoss.</summary>
    public static Tensor ProxyAnchor(Tensor x, Tensor labels, Tensor proxies, double margin = 0.1, double alpha = 32)
    {
        var s = Distances.Similarity(x, proxies);
        var own = one_hot(labels, proxies.size(0)).to(ScalarType.Bool);
        var present = where(own.any(0))[0];
        var pull = Pieces.LogSumExp(alpha * (margin - s), own, addOne: true, dim: 0);
        var push = Pieces.LogSumExp(alpha * (s + margin), own.logical_not(), addOne: true, dim: 0);
        return pull.sum() / present.size(0) + push.sum() / proxies.size(0);
    }

    /// <summary>pytorch-metric-learning's ProxyNCALoss.</summary>
    public static Tensor ProxyNca(Tensor x, Tensor labels, Tensor proxies) =>
        cross_entropy(-Distances.EuclideanNormalized(x, proxies).pow(2), labels);

    /// <summary>pytorch-metric-learning's SoftTripleLoss.</summary>
    public static Tensor SoftTriple(Tensor x, Tensor labels, Tensor weights, int centers = 10, double lambda = 20, double gamma = 0.1,
        double margin = 0.01)
    {
        var s = Distances.Similarity(x, weights).view(x.size(0), -1, centers);
        var ofClass = (softmax(s / gamma, 2) * s).sum(2);
        return cross_entropy(lambda * (ofClass - margin * one_hot(labels, ofClass.size(1))), labels);
    }

    /// <summary>reid-strong-baseline's CenterLoss: it computes the distances to all centers, and keeps one per row.</summary>
    public static Tensor Center(Tensor x, Tensor labels, Tensor centers)
    {
        var (n, c) = (x.size(0), centers.size(0));
        var squares = x.pow(2).sum(1, keepdim: true).expand(n, c) + centers.pow(2).sum(1, keepdim: true).expand(c, n).t();
        squares = squares.addmm_(x, centers.t(), beta: 1, alpha: -2);
        var mask = labels.unsqueeze(1).expand(n, c).eq(arange(c, device: x.device).expand(n, c));
        return (squares * mask.to(squares.dtype)).clamp(1e-12, 1e12).sum() / n;
    }

    /// <summary>torchreid's CrossEntropyLoss with label smoothing, on logits.</summary>
    public static Tensor LabelSmoothing(Tensor logits, Tensor labels, double epsilon = 0.1)
    {
        var logs = log_softmax(logits, 1);
        var targets = (1 - epsilon) * one_hot(labels, logits.size(1)) + epsilon / logits.size(1);
        return (-targets * logs).mean([0]).sum();
    }

    /// <summary>fast-reid's focal_loss, on logits: it computes the loss of every class, and keeps one per row.</summary>
    public static Tensor Focal(Tensor logits, Tensor labels, double alpha = 0.25, double gamma = 2)
    {
        var p = softmax(logits, 1);
        var all = -alpha * (1 - p).pow(gamma) * p.log();
        return (one_hot(labels, logits.size(1)) * all).sum(1).mean();
    }

    /// <summary>pytorch-metric-learning's ManifoldLoss with the labels as meta-classes: N·C·(N + C) products of random walks.</summary>
    public static Tensor Manifold(Tensor x, Tensor labels, Tensor proxies, double alpha = 0.8, double margin = 5e-4)
    {
        var (n, c) = (x.size(0), proxies.size(0));
        var all = cat([x, proxies]);
        var similarity = (Distances.Similarity(all, all).clamp(min: 0) / 0.5).exp();
        var identity = eye(n + c, device: x.device);
        similarity = similarity - similarity * identity;
        var root = similarity.sum(1).pow(-0.5).diag();
        var walks = (1 - alpha) * linalg.inv(identity - alpha * root.mm(similarity).mm(root));
        var context = cosine_similarity(walks.narrow(0, 0, n), walks.narrow(0, n, c).unsqueeze(1), dim: -1).t();
        return Costs(walks.narrow(0, 0, n).narrow(1, n, c)) + Costs(context);

        Tensor Costs(Tensor scores)
        {
            var rows = arange(n, device: x.device);
            var violations = scores - scores[rows, labels].view(-1, 1) + margin;
            var left = violations < 0;
            left[rows, labels] = tensor(true, device: x.device);
            return (1 + violations.masked_fill(left, float.NegativeInfinity).exp().sum(1)).log().mean();
        }
    }

    private static Func<Tensor, Tensor> Bent(double margin) => own =>
    {
        var angles = own.clamp(-1, 1).acos();
        return where(angles <= Math.PI - margin, (angles + margin).cos(), own - margin * Math.Sin(margin));
    };

    private static Tensor Margined(Tensor cosines, Tensor labels, Func<Tensor, Tensor> bend, double scale)
    {
        var mask = one_hot(labels, cosines.size(1));
        var own = cosines[mask.to(ScalarType.Bool)];
        return cross_entropy(scale * (cosines + mask * (bend(own) - own).unsqueeze(1)), labels);
    }
}
