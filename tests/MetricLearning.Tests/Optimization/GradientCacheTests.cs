using MetricLearning.Testing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests what a gradient cache refuses, and that it then has changed nothing. LossWrapperTests tests its gradients.</summary>
[LeavesNoTensors]
public class GradientCacheTests
{
    [Fact]
    public void AFrozenModel_IsNamed()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Linear(3, 2);
        foreach (var parameter in model.parameters()) parameter.requires_grad = false;
        Refuses(model, "are all parameters of the model frozen");
    }

    [Fact]
    public void SwitchedOffGradients_AreNamed()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Linear(3, 2);
        using var unchanging = no_grad();
        Refuses(model, "gradients switched off");
    }

    [Fact]
    public void AFrozenLayer_IsFine()
    {
        using var scope = NewDisposeScope();
        using var frozen = nn.Linear(3, 2);
        using var head = nn.Linear(2, 2);
        foreach (var parameter in frozen.parameters()) parameter.requires_grad = false;
        new GradientCache(rows => head.call(frozen.call(rows)), 2).Backward(rand(5, 3), rows => rows.sum());
        using var gradient = head.weight!.grad;
        Assert.NotNull(gradient);
        head.zero_grad();
    }

    /// <summary>A second try, for example with smaller chunks after memory was short, must not find the batch in the memory
    /// already.</summary>
    [Fact]
    public void ASecondPassThatFails_LeavesTheLossesAsTheyWere()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Linear(4, 3);
        using var sampled = new ArcFaceLoss(9, 3) { Sampled = new SampledClasses(4) };
        using var memory = new CrossBatchMemory(new DynamicSoftMarginLoss { Miner = new RandomTripletsMiner(2) }, 3, capacity: 30);
        using var losses = new LossSum().Add("memory", memory).Add("classes", sampled);
        var (x, y) = (rand(10, 4), arange(10) % 3);
        memory.Add(rand(6, 3), tensor([0L, 1, 2, 0, 1, 2]));
        var before = losses.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.clone());
        var calls = 0;
        Tensor Embed(Tensor rows) => ++calls == 6 ? throw new InsufficientMemoryException() : model.call(rows);
        Assert.Throws<InsufficientMemoryException>(() => new GradientCache(Embed, 3).Backward(x, rows => losses.call(rows, y)));
        Assert.All(losses.state_dict(), entry => Assert.True(entry.Value.eq(before[entry.Key]).all().item<bool>(), entry.Key));
        model.zero_grad();
        losses.zero_grad();
        sampled.Sampled!.Step(0);                           // the draw of the failed call is gone, so there is nothing to apply
        Assert.True(sampled.Weights.eq(before["classes.weights"]).all().item<bool>());

        new GradientCache(Embed, 5).Backward(x, rows => losses.call(rows, y));
        Assert.Equal(16, memory.Count);
        model.zero_grad();
        sampled.Sampled.DiscardGradients();
    }

    [Theory]
    [InlineData(false, "The loss must be a scalar that depends on the embeddings, got [] without a gradient.")]
    [InlineData(true, "The loss must be a scalar that depends on the embeddings, got [5, 2].")]
    public void ALossThatGivesNoGradient_IsNamed(bool each, string message)
    {
        using var scope = NewDisposeScope();
        using var model = nn.Linear(3, 2);
        Assert.Equal(message, Assert.Throws<InvalidOperationException>(() => new GradientCache(model.call, 2).Backward(rand(5, 3),
            rows => each ? rows * 2 : rows.detach().sum())).Message);
        Assert.All(model.parameters(), parameter => Assert.Null(parameter.grad));
    }

    private static void Refuses(Linear model, string reason)
    {
        using var scope = NewDisposeScope();
        using var proxy = new Parameter(ones(2));
        var inputs = rand(5, 3);
        var error = Assert.Throws<InvalidOperationException>(() => new GradientCache(model.call, 2).Backward(inputs,
            rows => (rows * proxy).sum()));
        Assert.StartsWith("The embeddings carry no gradient", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Null(proxy.grad);
    }
}
