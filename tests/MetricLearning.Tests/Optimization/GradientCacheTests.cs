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
