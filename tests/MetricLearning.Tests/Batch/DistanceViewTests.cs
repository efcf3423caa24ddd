using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class DistanceViewTests
{
    [Fact]
    public void FewAreMeasuredAgain_ManyComeFromTheMatrix_WithTheSameValuesAndGradients()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var (rows, columns) = (tensor([0L, 3, 3]), tensor([1L, 7, 0]));
        var gradients = new List<Tensor>();
        foreach (var times in new[] { 1, 100 })
        {
            var leaf = x.clone().requires_grad_();
            using var batch = new LossBatch(leaf, y);
            var values = batch.Distances(Distance.Euclidean)[rows.repeat(times), columns.repeat(times)];
            values.mean().backward();
            Assert.True(values.narrow(0, 0, 3).allclose(batch.Distances(Distance.Euclidean).Matrix[rows, columns], 1e-10, 1e-10));
            gradients.Add(leaf.grad!);
        }
        Assert.True(gradients[0].allclose(gradients[1], 1e-10, 1e-10));
    }

    [Fact]
    public void FewTuples_LeaveOtherRowsWithoutAnyGradient()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var leaf = x.clone().requires_grad_();
        using var batch = new LossBatch(leaf, y);
        var view = batch.Distances(Distance.Euclidean);
        Assert.True(view.Matrix.requires_grad);
        view[tensor([0L]), tensor([1L])].sum().backward();
        Assert.Equal([true, true, .. Enumerable.Repeat(false, 10)], (leaf.grad! != 0).any(1).data<bool>());
    }

    /// <summary>The matrices have 12 x 12, 12 x 40 and 40 x 40 numbers. A matrix is computed only if it has no more numbers than the
    /// embeddings of the three pairs.</summary>
    [Theory, InlineData(144, true), InlineData(480, false), InlineData(1600, false)]
    public void OfAProduct_TheMatrixIsMade_WhereItIsTheSmaller(int numbers, bool itself)
    {
        using var scope = NewDisposeScope();
        var (_, y) = LossTable.Batch();
        var width = (numbers + 2) / 3;
        foreach (var (d, expected) in new[] { (width - 1, false), (width, true) })
        {
            using var batch = itself
                ? new LossBatch(LossTable.Random(1, 12, d), y)
                : new LossBatch(LossTable.Random(1, 12, d), y, LossTable.Random(2, 40, d), arange(40));
            var view = numbers == 1600 ? batch.Distances(Distance.Dot).AmongReferences : batch.Distances(Distance.Dot);
            var values = view[tensor([0L, 3, 3]), tensor([1L, 7, 0])];
            Assert.Equal(expected, view.HasMatrix);
            Assert.True(values.allclose(view.Matrix[tensor([0L, 3, 3]), tensor([1L, 7, 0])], 1e-10, 1e-10));
        }
    }

    [Fact]
    public void OneViewForEqualDistances()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var batch = new LossBatch(x, y);
        Assert.Same(batch.Distances(Distance.Cosine), batch.Distances(Distance.Cosine));
        Assert.Same(batch.Distances(Distance.Euclidean.Normalized()), batch.Distances(Distance.Euclidean.Normalized()));
        Assert.NotSame(batch.Distances(Distance.Euclidean), batch.Distances(Distance.EuclideanSquared));
        Assert.Same(batch.Candidates, batch.Candidates);
    }

    [Fact]
    public void AmongReferences_MeasuresTheReferences()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var references = LossTable.Random(3, 4, LossTable.Dimension);
        using var itself = new LossBatch(x, y);
        using var other = new LossBatch(x, y, references, tensor([0L, 1, 2, 3]));
        Assert.Same(itself.Distances(Distance.Dot), itself.Distances(Distance.Dot).AmongReferences);
        Assert.True(other.Distances(Distance.Dot).AmongReferences.Matrix.allclose(Distance.Dot.Matrix(references, references)));
    }

    [Fact]
    public void ABatchOutlivesTheScopesInWhichItIsUsed()
    {
        using var x = rand(6, 3);
        using var y = tensor([0L, 0, 1, 1, 2, 2]);
        using var batch = new LossBatch(x, y);
        using var loss = new TripletLoss { Miner = Miner.All };
        for (var i = 0; i < 2; i++)
        {
            using var scope = NewDisposeScope();
            Assert.True(loss.forward(batch).item<float>() >= 0);
        }
    }

    /// <summary>Few pairs are gathered from the rows, many from the matrix. There a column out of range would be one of the next
    /// row.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(200)]
    public void IndicesThatDoNotFit_AreNamed(long count)
    {
        using var scope = NewDisposeScope();
        using var batch = new LossBatch(rand(6, 3), tensor([0L, 0, 1, 1, 2, 2]));
        var view = batch.Distances(Distance.Euclidean);
        var inside = zeros(count, ScalarType.Int64);
        string Message(Tensor rows, Tensor columns) => Assert.Throws<ArgumentException>(() => view[rows, columns]).Message;
        Assert.StartsWith("columns must be in [0, 6), got 6 in row 0.", Message(inside, inside + 6));
        Assert.StartsWith("columns must be in [0, 6), got -1 in row 0.", Message(inside, inside - 1));
        Assert.StartsWith("rows must be in [0, 6), got 6 in row 0.", Message(inside + 6, inside));
        Assert.StartsWith($"columns must be [{count}], got [1].", Message(inside, inside.narrow(0, 0, 1)));
        Assert.StartsWith("rows must be int64, got Int32.", Message(inside.to(ScalarType.Int32), inside));
        Assert.StartsWith($"rows must be [0], got [{count}, 1].", Message(inside.unsqueeze(1), inside));
    }
}
