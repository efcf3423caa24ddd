using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class SampledClassesTests
{
    private const int Classes = 50, Dimension = 6;

    [Fact]
    public void OnlyDrawnRows_EnterAndMove()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(dtype: ScalarType.Float32);
        using var loss = new SubCenterArcFaceLoss(Classes, Dimension, centersPerClass: 2, scale: 8) { Sampled = new SampledClasses(20) };
        var moved = zeros(Classes, ScalarType.Bool);
        for (var step = 0; step < 2; step++)
        {
            var before = loss.Weights.clone();
            loss.call(x, y).backward();
            using (var gradient = loss.Weights.grad) Assert.Null(gradient);
            loss.Sampled!.Step(0.1);
            var rows = (loss.Weights != before).any(1).view(Classes, 2);
            Assert.Equal(20, rows.any(1).sum().item<long>());
            Assert.True(rows.all(1).equal(rows.any(1)).all().item<bool>(), "the vectors of a class are drawn together");
            Assert.True(rows.index_select(0, y).all().item<bool>(), "the classes of the batch are drawn");
            moved |= rows.any(1);
        }
        Assert.True(moved.sum().item<long>() > 20, "each step draws anew");
    }

    /// <summary>If all classes are drawn, the steps are those of SGD on the whole table.</summary>
    [Theory, InlineData(0, 0), InlineData(0.9, 5e-4)]
    public void AllClassesDrawn_IsStochasticGradientDescent(double momentum, double weightDecay)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(dtype: ScalarType.Float32);
        using var whole = new CosFaceLoss(Classes, Dimension, scale: 8);
        using var sampled = new CosFaceLoss(Classes, Dimension, scale: 8) { Sampled = new SampledClasses(Classes, momentum, weightDecay) };
        using (no_grad()) sampled.Weights.copy_(whole.Weights);
        using var optimizer = optim.SGD(whole.parameters(), 0.5, momentum, weight_decay: weightDecay);
        for (var step = 0; step < 4; step++)
        {
            optimizer.zero_grad();
            var expected = whole.call(x, y);
            expected.backward();
            optimizer.step();
            var value = sampled.call(x, y);
            Assert.Equal(expected.item<float>(), value.item<float>(), 1e-4);
            value.backward();
            sampled.Sampled!.Step(0.5);
        }
        Assert.True(whole.Weights.allclose(sampled.Weights, 1e-4, 1e-5));
    }

    [Fact]
    public void FewerClassesThanTheBatchHas_AreRaisedToTheirNumber()
    {
        using var scope = NewDisposeScope();
        var x = LossTable.Random(1, 12, Dimension);
        using var loss = new NormalizedSoftmaxLoss(Classes, Dimension) { Sampled = new SampledClasses(1) };
        Assert.True(loss.call(x, arange(12, ScalarType.Int64)).item<double>() > 0);
    }

    [Fact]
    public void TheLossIsThatOfTheDrawnClassesAlone()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = new ProxyAnchorLoss(Classes, Dimension, scale: 4) { Sampled = new SampledClasses(15) };
        using var few = new ProxyAnchorLoss(15, Dimension, scale: 4);
        var (sampled, alone) = (x.clone().requires_grad_(), x.clone().requires_grad_());
        var before = loss.Weights.clone();
        var value = loss.call(sampled, y);
        value.backward();
        loss.Sampled!.Step(1);
        var drawn = (loss.Weights != before).any(1).nonzero().squeeze(1);
        using (no_grad()) few.Weights.copy_(before[drawn]);
        var expected = few.call(alone, searchsorted(drawn, y));
        expected.backward();
        Assert.Equal(expected.item<double>(), value.item<double>(), 10);
        Assert.True(sampled.grad!.allclose(alone.grad!, 1e-9, 1e-12));
    }

    [Fact]
    public void InEvaluation_AllClassesCount()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var whole = new CosFaceLoss(Classes, Dimension);
        using var loss = new CosFaceLoss(Classes, Dimension) { Sampled = new SampledClasses(12) };
        using (no_grad()) loss.Weights.copy_(whole.Weights);
        Assert.True(loss.call(x, y).item<double>() < whole.call(x, y).item<double>());
        loss.eval();
        Assert.Equal(whole.call(x, y).item<double>(), loss.call(x, y).item<double>(), 10);
        Assert.Equal([12, Classes], loss.Logits(x).shape);
    }

    [Fact]
    public void AForgottenStep_IsNamed()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = new CosFaceLoss(Classes, Dimension) { Sampled = new SampledClasses(12) { MaxAccumulatedPasses = 2 } };
        for (var pass = 0; pass < 5; pass++) loss.call(x, y);       // without a backward pass, as in a validation
        loss.call(x, y).backward();
        loss.call(x, y).backward();
        loss.Report(x, y);
        Assert.StartsWith("The gradients of 2 backward passes are not applied: call Step",
            Assert.Throws<InvalidOperationException>(() => loss.call(x, y)).Message);
        loss.Sampled!.Step(0.1);
        loss.Sampled!.Step(0.1);
        Assert.True(loss.call(x, y).isfinite().item<bool>());
    }

    /// <summary>With all classes drawn, a step is that of SGD on the summed gradient of the whole loss.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public void AccumulatedGradients_AreOneStepOfTheirSum(bool oneBackwardPass)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var whole = new CosFaceLoss(Classes, Dimension, scale: 8);
        using var sampled = new CosFaceLoss(Classes, Dimension, scale: 8) { Sampled = new SampledClasses(Classes) };
        using (no_grad()) sampled.Weights.copy_(whole.Weights);
        using var sgd = optim.SGD(whole.parameters(), 0.1, momentum: 0.9, weight_decay: 5e-4);
        for (var step = 0; step < 3; step++)
        {
            sgd.zero_grad();
            foreach (var loss in new[] { whole, sampled })
            {
                var values = new[] { (0, 4), (4, 5), (7, 5) }.Select(part =>
                    loss.call(x.narrow(0, part.Item1, part.Item2), y.narrow(0, part.Item1, part.Item2)));
                if (oneBackwardPass) stack([.. values]).sum().backward();
                else foreach (var value in values) value.backward();
            }
            sgd.step();
            sampled.Sampled!.Step(0.1);
            Assert.True(whole.Weights.allclose(sampled.Weights, rtol: 1e-5, atol: 1e-6));
        }
    }

    /// <summary>The classes that are in one draw or in both draws move, and no others.</summary>
    [Fact]
    public void DrawsThatOverlap_MoveEachClassOnce()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = new CosFaceLoss(Classes, Dimension, scale: 8) { Sampled = new SampledClasses(1, momentum: 0, weightDecay: 0) };
        var before = loss.Weights.detach().clone();
        foreach (var (first, second) in new[] { (0L, 1L), (1L, 2L) })
            loss.call(x.narrow(0, 0, 2), tensor([first, second])).backward();
        loss.Sampled!.Step(0.1);
        var moved = (loss.Weights - before).abs().sum(1).gt(0).data<bool>().ToArray();
        Assert.Equal([.. Enumerable.Range(0, (int)Classes).Select(c => c < 3)], moved);
    }

    [Fact]
    public void Momentum_IsSavedWithTheLoss()
    {
        using var with = new CosFaceLoss(3, 2) { Sampled = new SampledClasses(2) };
        using var without = new CosFaceLoss(3, 2) { Sampled = new SampledClasses(2, momentum: 0) };
        Assert.Equal(["weights", "sampled.velocity"], with.state_dict().Keys);
        Assert.Equal(["weights"], without.state_dict().Keys);
    }

    [Fact]
    public void GradientsThatAreNotApplied_AreNotSaved_AndLoadingDropsThem()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(dtype: ScalarType.Float32);
        using var loss = new CosFaceLoss(Classes, Dimension, scale: 8) { Sampled = new SampledClasses(20) };
        using var sum = new LossSum().Add("identity", loss);
        var checkpoint = new TrainingCheckpoint();
        checkpoint.Add("loss", sum);
        var file = Path.Combine(Directory.CreateTempSubdirectory("sampled").FullName, "run.safetensors");
        try
        {
            loss.call(x, y);            // a forward pass alone leaves nothing to apply
            checkpoint.Save(file);
            loss.call(x, y).backward();
            Assert.Contains("The gradients of 1 backward pass of the sampled classes of 'loss' are not applied yet",
                Assert.Throws<InvalidOperationException>(() => checkpoint.Save(file)).Message, StringComparison.Ordinal);
            var before = loss.Weights.clone();
            checkpoint.Load(file);
            loss.Sampled!.Step(0.1);
            Assert.True(before.equal(loss.Weights).all().item<bool>());
            checkpoint.Save(file);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
        }
    }

    [Fact]
    public void DiscardedGradients_AreNotApplied()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(dtype: ScalarType.Float32);
        using var loss = new CosFaceLoss(Classes, Dimension, scale: 8) { Sampled = new SampledClasses(20) };
        var before = loss.Weights.clone();
        loss.call(x, y).backward();
        loss.Sampled!.DiscardGradients();
        loss.Sampled.Step(0.1);
        Assert.True(before.equal(loss.Weights).all().item<bool>());
        loss.call(x, y).backward();
        loss.Sampled.Step(0.1);
        Assert.False(before.equal(loss.Weights).all().item<bool>());
    }
}
