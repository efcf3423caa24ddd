using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>Distance matrices as the Python libraries write them.</summary>
internal static class Distances
{
    /// <summary>pytorch-metric-learning's LpDistance without normalization.</summary>
    public static Tensor Euclidean(Tensor x, Tensor y) => cdist(x, y);

    /// <summary>pytorch-metric-learning's LpDistance with its defaults.</summary>
    public static Tensor EuclideanNormalized(Tensor x, Tensor y) => cdist(Unit(x), Unit(y));

    /// <summary>pytorch-metric-learning's LpDistance of another p.</summary>
    public static Tensor Lp(Tensor x, Tensor y, double p) => cdist(x, y, p);

    /// <summary>torchreid's evaluation distance: the sum of the expanded squares, then addmm.</summary>
    public static Tensor EuclideanSquared(Tensor x, Tensor y)
    {
        var (n, m) = (x.size(0), y.size(0));
        var squares = x.pow(2).sum(1, keepdim: true).expand(n, m) + y.pow(2).sum(1, keepdim: true).expand(m, n).t();
        return squares.addmm_(x, y.t(), beta: 1, alpha: -2);
    }

    /// <summary>The training distance of reid-strong-baseline and fast-reid.</summary>
    public static Tensor EuclideanClamped(Tensor x, Tensor y)
    {
        var (n, m) = (x.size(0), y.size(0));
        var squares = x.pow(2).sum(1, keepdim: true).expand(n, m) + y.pow(2).sum(1, keepdim: true).expand(m, n).t();
        return (squares - 2 * x.matmul(y.t())).clamp(min: 1e-12).sqrt();
    }

    /// <summary>1 − the cosine similarity.</summary>
    public static Tensor Cosine(Tensor x, Tensor y) => 1 - Similarity(x, y);

    /// <summary>−x·y.</summary>
    public static Tensor Dot(Tensor x, Tensor y) => -x.matmul(y.t());

    /// <summary>pytorch-metric-learning's SNRDistance: the variances of all differences, with N·M·D numbers in memory.</summary>
    public static Tensor SignalToNoise(Tensor x, Tensor y) => (x.unsqueeze(1) - y).var(2) / x.var(1).unsqueeze(1);

    /// <summary>The matrix of cosines.</summary>
    public static Tensor Similarity(Tensor x, Tensor y) => Unit(x).matmul(Unit(y).t());

    /// <summary>Rows scaled to length 1, as torch's normalize does.</summary>
    public static Tensor Unit(Tensor x) => nn.functional.normalize(x, 2, 1);
}
