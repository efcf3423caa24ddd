using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Half the mean of ‖ŵ − ŵ'‖ = √(2 − 2·cos) over the pairs of centers of a class.</summary>
internal sealed class SparseCentersRegularizer(long centersPerClass) : Regularizer
{
    private readonly long centers = Guard.AtLeast(centersPerClass, 2);

    protected override Tensor PenaltyCore(Tensor vectors)
    {
        if (vectors.size(0) % centers != 0)
            throw new ArgumentException($"vectors must be {centers} for each class, got {Guard.Shape(vectors)}.", nameof(vectors));
        var pairs = triu_indices(centers, centers, 1, device: vectors.device);
        var byClass = RowMath.Unit(vectors).view(-1, centers, vectors.size(1));
        return (byClass.index_select(1, pairs[0]) - byClass.index_select(1, pairs[1])).norm(2).mean() / S(2);
    }
}
