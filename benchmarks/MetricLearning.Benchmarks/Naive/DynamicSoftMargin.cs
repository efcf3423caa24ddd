using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>pytorch-metric-learning's DynamicSoftMarginLoss over all triplets, with its histogram.</summary>
internal sealed class DynamicSoftMargin
{
    private const int Bins = 10;
    private const double Minimum = -2, Delta = 4.0 / Bins, Momentum = 0.01;

    private float[] histogram = new float[Bins];

    public Tensor Loss(Tensor x, Tensor labels)
    {
        var d = Distances.EuclideanNormalized(x, x);
        var (a, p, n) = Pieces.AllTriplets(labels);
        var gaps = d[a, p] - d[a, n];
        var place = (gaps - Minimum) / Delta;
        var bin = place.detach().floor().to(ScalarType.Int64);
        var share = place - bin;
        var momentum = histogram.Sum() == 0 ? 1 : Momentum;
        var seen = ((1 - momentum) * tensor(histogram, device: x.device)).scatter_add(0, bin, momentum * (1 - share))
            .scatter_add(0, bin + 1, momentum * share);
        seen = seen / seen.sum();
        histogram = seen.detach().cpu().data<float>().ToArray();
        return (seen.cumsum(0)[bin] * gaps).mean();
    }
}
