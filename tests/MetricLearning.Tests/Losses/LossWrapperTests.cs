using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the wrappers: two views, a memory, prefixes of embeddings, and huge batches in little memory.</summary>
[LeavesNoTensors]
public class LossWrapperTests
{
    [Theory, InlineData(true), InlineData(false)]
    public void SelfSupervised_GivesEachRowItsOwnLabel(bool symmetric)
    {
        using var scope = NewDisposeScope();
        var (x, _) = LossTable.Batch();
        var y = x + 0.1 * LossTable.Random(2, 12, LossTable.Dimension);
        using var inner = new TripletLoss(margin: 3) { Miner = Miner.All };
        using var loss = new SelfSupervisedLoss(inner) { Symmetric = symmetric };
        var rows = arange(12, ScalarType.Int64);
        var expected = symmetric ? inner.call(cat([x, y]), cat([rows, rows])) : inner.forward(x, rows, y, rows);
        Assert.Equal(expected.item<double>(), loss.call(x, y).item<double>());
        Assert.True(expected.item<double>() > 0);
        Assert.Equal(0, loss.call(x.narrow(0, 0, 0), y.narrow(0, 0, 0)).item<double>());
        Assert.StartsWith("first and second must have the same number of rows, got [12, 6] and [11, 6].",
            Assert.Throws<ArgumentException>(() => loss.call(x, y.narrow(0, 0, 11))).Message);
    }

    [Fact]
    public void VicReg_OfOneRowOrNone_IsFinite_AndItsGradientThatOfDifferences()
    {
        using var scope = NewDisposeScope();
        using var loss = new VicRegLoss();
        var (x, y) = (LossTable.Random(1, 5, 4), LossTable.Random(2, 5, 4));
        GradientCheck.Run(x / 3, input => loss.call(input, y));
        GradientCheck.Run(y, input => loss.call(x, input));
        Assert.Equal(25 * (x - y)[0].square().mean().item<double>(), loss.call(x.narrow(0, 0, 1), y.narrow(0, 0, 1)).item<double>(), 10);
        Assert.Equal(0, loss.call(x.narrow(0, 0, 0), y.narrow(0, 0, 0)).item<double>());
        Assert.True(double.IsNaN(loss.call(x * double.NaN, y).item<double>()));
        Assert.Equal(ScalarType.Float32, loss.call(x.to(ScalarType.Float16), y.to(ScalarType.Float16)).dtype);
        Assert.StartsWith("first and second must have the same number of rows",
            Assert.Throws<ArgumentException>(() => loss.call(x, y.narrow(0, 0, 2))).Message);
    }

    [Fact]
    public void Matryoshka_IsTheWeightedSumOverPrefixes()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var inner = new CircleLoss(scale: 4);
        using var loss = new MatryoshkaLoss(inner, [2, 6], [0.5, 2]);
        var expected = 0.5 * inner.call(x.narrow(1, 0, 2), y) + 2 * inner.call(x, y);
        Assert.Equal(expected.item<double>(), loss.call(x, y).item<double>(), 12);
        Assert.StartsWith("embeddings must be at least 6 wide, got [12, 4].",
            Assert.Throws<ArgumentException>(() => loss.call(x.narrow(1, 0, 4), y)).Message);
        Assert.StartsWith("widths must be one or more different numbers, got [2, 2].",
            Assert.Throws<ArgumentException>(() => new MatryoshkaLoss(inner, [2, 2])).Message);
        Assert.StartsWith("weights must be 2 finite numbers, one per width, got [1].",
            Assert.Throws<ArgumentException>(() => new MatryoshkaLoss(inner, [2, 3], [1])).Message);
    }

    [Fact]
    public void Matryoshka_AgainstReferences_TakesTheirPrefixesToo()
    {
        using var scope = NewDisposeScope();
        var (x, references) = (LossTable.Random(1, 7, 6).requires_grad_(), LossTable.Random(2, 9, 6).requires_grad_());
        var (labels, referenceLabels) = (tensor([0L, 0, 1, 1, 2, 2, 5]), tensor([0L, 1, 2, 3, 4, 5, 0, 1, 2]));
        using var inner = new NTXentLoss(0.5);
        using var loss = new MatryoshkaLoss(new NTXentLoss(0.5), [2, 6], [0.5, 2]);
        var expected = 0.5 * inner.forward(x.narrow(1, 0, 2), labels, references.narrow(1, 0, 2), referenceLabels)
            + 2 * inner.forward(x, labels, references, referenceLabels);
        var value = loss.call(x, labels, references, referenceLabels);
        Assert.Equal(expected.item<double>(), value.item<double>(), 12);
        var gradients = autograd.grad([value], [x, references]).Zip(autograd.grad([expected], [x, references]));
        Assert.All(gradients, pair => Assert.True(pair.First.allclose(pair.Second)));

        Assert.StartsWith("embeddings and references must have the same width D, got [7, 6] and [9, 5].", Assert.Throws<ArgumentException>(
            () => loss.call(x, labels, references.narrow(1, 0, 5), referenceLabels)).Message);
        Assert.StartsWith("embeddings must be at least 6 wide, got [7, 5].", Assert.Throws<ArgumentException>(
            () => loss.call(x.narrow(1, 0, 5), labels, references.narrow(1, 0, 5), referenceLabels)).Message);
        using var memory = new MatryoshkaLoss(new CrossBatchMemory(new NTXentLoss(), 6), [6]);
        Assert.Equal("The wrapped loss must be a TupleLoss to take references, got CrossBatchMemory.",
            Assert.Throws<InvalidOperationException>(() => memory.call(x, labels, references, referenceLabels)).Message);
    }

    [Fact]
    public void Matryoshka_TakesASumOfLosses()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var parts = Parts();
        using var loss = new MatryoshkaLoss(Parts(), [2, 6], [0.5, 2]);
        var expected = 0.5 * parts.call(x.narrow(1, 0, 2), y) + 2 * parts.call(x, y);
        Assert.Equal(expected.item<double>(), loss.call(x, y).item<double>(), 12);
        Assert.Contains("loss.margins.beta", loss.state_dict().Keys);
        using var sum = new LossSum().Add("prefixes", loss).Add("triplet", new TripletLoss(margin: 2));
        var report = sum.Compute(x, y)["prefixes"];
        Assert.Equal(expected.item<double>(), report.Value, 12);
        Assert.Equal(2 * Terms("triplet") + 2 * Terms("margins"), report.Report!.Terms);
        Assert.Throws<ArgumentNullException>("losses", () => new MatryoshkaLoss((LossSum)null!, [2]));

        static LossSum Parts() => new LossSum().Add("triplet", new TripletLoss(margin: 2)).Add("margins",
            new MarginLoss(beta: 1, nu: 0.1, learnedBetas: 1), weight: 0.3);

        long Terms(string name) => parts.Compute(x, y)[name].Report!.Terms;
    }

    [Fact]
    public void Memory_IsALossAgainstTheLatestRows_WithoutTheOwn()
    {
        using var scope = NewDisposeScope();
        using var inner = new TripletLoss { Swap = true, Miner = Miner.All };
        using var loss = Memory(inner, capacity: 20);
        var batches = Enumerable.Range(0, 4).Select(seed => LossTable.Batch(seed)).ToArray();
        for (var step = 0; step < batches.Length; step++)
        {
            // Lists the rows of the ring by place. When the ring is full, new rows overwrite it from the start.
            var places = Enumerable.Range(0, 12 * (step + 1)).Where(row => row >= 12 * (step + 1) - 20).OrderBy(row => row % 20).ToArray();
            var references = stack([.. places.Select(row => batches[row / 12].Embeddings[row % 12])]);
            var labels = tensor(places.Select(row => batches[row / 12].Labels[row % 12].item<long>()).ToArray());
            var own = tensor(Enumerable.Range(12 * step, 12).Select(row => (long)Array.IndexOf(places, row)).ToArray());
            var (x, y) = batches[step];
            using var batch = new LossBatch(x, y, references, labels, own);
            x.requires_grad_();
            var value = loss.call(x, y);
            Assert.Equal(inner.forward(batch).item<double>(), value.item<double>(), 10);
            value.backward();
            Assert.Equal(Math.Min(20, 12 * (step + 1)), loss.Count);
        }
    }

    [Fact]
    public void Memory_WarmsUp_AndLooksOnlyWhileEvaluating()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var inner = new TripletLoss();
        using var loss = new CrossBatchMemory(inner, LossTable.Dimension, 64) { WarmUp = 2 };
        var alone = inner.call(x, y).item<double>();
        using (no_grad()) loss.call(x, y);
        Assert.Equal(0, loss.Count);
        Assert.Equal(alone, loss.call(x, y).item<double>());
        Assert.Equal(alone, loss.call(x, y).item<double>());
        Assert.Equal(24, loss.Count);
        Assert.NotEqual(alone, loss.call(x, y).item<double>());
        loss.eval();
        loss.call(x, y);
        Assert.Equal(36, loss.Count);
        loss.Clear();
        Assert.Equal(0, loss.call(x, y).item<double>());
        Assert.Equal(0, loss.Count);
    }

    [Fact]
    public void Memory_GoesOnFromItsState()
    {
        using var scope = NewDisposeScope();
        using var first = Memory(new TripletLoss(), capacity: 16);
        using var second = Memory(new TripletLoss(), capacity: 16);
        var (x, y) = LossTable.Batch(seed: 1);
        first.call(x, y);
        second.load_state_dict(first.state_dict());
        var (next, labels) = LossTable.Batch(seed: 2);
        Assert.Equal(first.call(next, labels).item<double>(), second.call(next, labels).item<double>());
        Assert.Equal(16, second.Count);
        var (last, _) = LossTable.Batch(seed: 3);
        Assert.Equal(first.call(last, labels).item<double>(), second.call(last, labels).item<double>());
    }

    [Fact]
    public void Memory_OfAMomentumEncoder_IsFilledByAdd()
    {
        using var scope = NewDisposeScope();
        using var inner = new TripletLoss();
        using var loss = new CrossBatchMemory(inner, LossTable.Dimension, 32) { StoresBatches = false };
        loss.to(ScalarType.Float64);
        var (x, y) = LossTable.Batch();
        var (keys, _) = LossTable.Batch(seed: 2);
        loss.Add(keys, y);
        Assert.Equal(inner.forward(x, y, keys, y).item<double>(), loss.call(x, y).item<double>());
        Assert.Equal(12, loss.Count);
        Assert.StartsWith("embeddings must be [N, 6] with N at most 32, got [12, 5].",
            Assert.Throws<ArgumentException>(() => loss.call(x.narrow(1, 0, 5), y)).Message);
    }

    /// <summary>A batch that the loss refuses is not stored: rows, cursor and warm-up do not change.</summary>
    [Theory, InlineData(0), InlineData(5)]
    public void Memory_DoesNotStoreABatchThatTheLossRefuses(int warmUp)
    {
        using var scope = NewDisposeScope();
        using var inner = new MarginLoss(learnedBetas: 4);
        using var loss = new CrossBatchMemory(inner, LossTable.Dimension, 40) { WarmUp = warmUp };
        loss.to(ScalarType.Float64);
        var (x, y) = LossTable.Batch();
        loss.call(x, y);
        var before = loss.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.clone());
        Assert.StartsWith("labels must be in [0, 4), got 5 in row 1.",
            Assert.Throws<ArgumentException>(() => loss.call(-x, tensor([0L, 5, 0, 5, 0, 5, 0, 5, 0, 5, 0, 5]))).Message);
        Assert.All(loss.state_dict(), entry => Assert.True((entry.Value == before[entry.Key]).all().item<bool>(), entry.Key));
        Assert.Equal(12, loss.Count);
    }

    [Fact]
    public void Memory_LeavesExactlyItsResult()
    {
        using var scope = NewDisposeScope();
        using var loss = Memory(new TripletLoss(), capacity: 16);
        var (x, y) = LossTable.Batch();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        loss.call(x, y);
        Assert.Equal(before + 1, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void GradientCache_GivesTheGradientOfOnePass()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Sequential(nn.Linear(LossTable.Dimension, 8), nn.ReLU(), nn.Linear(8, 4)).to(ScalarType.Float64);
        using var loss = new SmoothApLoss(temperature: 0.1);
        var (x, y) = LossTable.Batch();
        var expected = loss.call(model.call(x), y);
        expected.backward();
        var gradients = model.parameters().Select(parameter => parameter.grad!.clone()).ToArray();
        model.zero_grad();
        Gradient.Release();
        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var value = new GradientCache(model.call, rowsPerChunk: 5).Backward(x, embeddings => loss.call(embeddings, y));
        Assert.Equal(live + 1, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.Equal(expected.item<double>(), value.item<double>(), 12);
        Assert.False(value.requires_grad);
        foreach (var (parameter, gradient) in model.parameters().Zip(gradients))
            Assert.True(parameter.grad!.allclose(gradient, atol: 1e-12));
    }

    [Fact]
    public void GradientCache_DrawsTheSameDropoutTwice()
    {
        using var scope = NewDisposeScope();
        using var weight = nn.Parameter(ones(1, ScalarType.Float64));
        var seen = new List<double[]>();
        Tensor Embed(Tensor rows)
        {
            var dropped = nn.functional.dropout(rows, 0.5, training: true) * weight;
            seen.Add(dropped.detach().data<double>().ToArray());
            return dropped;
        }
        var (x, _) = LossTable.Batch();
        var value = new GradientCache(Embed, rowsPerChunk: 4).Backward([x, 2 * x], views => (views[0] * views[1]).sum());
        Assert.Equal(12, seen.Count);
        Assert.Equal(seen.Take(6), seen.Skip(6));
        Assert.NotEqual(seen[0], seen[1]);
        Assert.Equal(2 * value.item<double>(), weight.grad!.item<double>(), 9); // the value grows with the square of the weight
        Assert.StartsWith("inputs must have rows, got [0, 6].",
            Assert.Throws<ArgumentException>(() => new GradientCache(Embed, 4).Backward(x.narrow(0, 0, 0), rows => rows.sum())).Message);
    }

    private static CrossBatchMemory Memory(TupleLoss inner, int capacity)
    {
        var loss = new CrossBatchMemory(inner, LossTable.Dimension, capacity);
        loss.to(ScalarType.Float64);
        return loss;
    }
}
