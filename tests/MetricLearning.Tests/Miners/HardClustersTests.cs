using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class HardClustersTests
{
    [Fact]
    public void IsTheFarthestFromTheMean_AndTheNearestOtherMean()
    {
        using var scope = NewDisposeScope();
        var x = tensor([0.0, 1, 5, 10, 11, 20]).unsqueeze(1).requires_grad_(); // means 2, 10.5, 20
        using var mined = new HardClusters().Mine(x, tensor([7L, 7, 7, -2, -2, 9]));
        var triplets = mined.Tuples.AsTriplets();
        Assert.Equal([10.5, 2, 20], mined.Means.data<double>()); // in order of the labels
        Assert.Equal([0L, 1], triplets.Anchors.data<long>()); // a class of one row has no positive
        Assert.Equal([10.0, 5], mined.References[triplets.Positives, 0].data<double>());
        Assert.Equal([2, 10.5], mined.References[triplets.Negatives, 0].data<double>());

        using var loss = new TripletLoss(margin: 6) { Distance = Distance.EuclideanSquared };
        var value = loss.forward(mined.Means, mined.Tuples, mined.References);
        Assert.Equal(0, value.item<double>()); // 0.25 − 72.25 + 6 and 9 − 72.25 + 6
        using var wide = new TripletLoss(margin: 100) { Distance = Distance.EuclideanSquared };
        wide.forward(mined.Means, mined.Tuples, mined.References).backward();
        Assert.NotEqual(0, x.grad!.abs().sum().item<double>());
    }

    [Theory, InlineData(0), InlineData(1), InlineData(5)]
    public void NothingToCompare_IsNoTriplet(int rows)
    {
        using var scope = NewDisposeScope();
        var x = LossTable.Random(3, rows, 4);
        using var loss = new TripletLoss();
        foreach (var labels in new[] { zeros(rows, ScalarType.Int64), arange(rows, ScalarType.Int64) })
        {
            using var mined = new HardClusters().Mine(x, labels);
            Assert.Equal(0, mined.Tuples.AsTriplets().Count);
            Assert.Equal(0, loss.forward(mined.Means, mined.Tuples, mined.References).item<double>());
        }
    }

    [Fact]
    public void ANaN_IsTaken_AndWhatDoesNotFitIsNamed()
    {
        using var scope = NewDisposeScope();
        var x = LossTable.Random(3, 6, 4);
        x[2, 1] = double.NaN;
        using var mined = new HardClusters().Mine(x, tensor([0L, 0, 1, 1, 2, 2]));
        using var loss = new TripletLoss();
        Assert.True(double.IsNaN(loss.forward(mined.Means, mined.Tuples, mined.References).item<double>()));
        Assert.StartsWith("labels must be [6], one label per row, got [2].",
            Assert.Throws<ArgumentException>(() => new HardClusters().Mine(x, zeros(2, ScalarType.Int64))).Message);
    }
}
