using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class EvaluationModeTests
{
    [Fact]
    public void Scope_PutsEachModuleIntoEvaluationMode_AndGivesItsOwnBack()
    {
        using var model = new EmbeddingModel(OSNet.X025(), neck: new BNNeck(128), classes: 7);
        model.Backbone.eval();
        using (new EvaluationMode(model))
        {
            Assert.False(is_grad_enabled());
            Assert.False(model.training);
            Assert.All(model.modules(), module => Assert.False(module.training));
        }
        Assert.True(is_grad_enabled());
        Assert.True(model.training);
        foreach (var (name, module) in model.named_modules())
            Assert.True(module.training == !name.StartsWith("backbone", StringComparison.Ordinal), name);
    }

    [Fact]
    public void Disposal_Twice_LeavesWhatTheProgramDidInBetween()
    {
        using var model = nn.Sequential(("only", nn.Linear(2, 2)));
        var mode = new EvaluationMode(model);
        mode.Dispose();
        Assert.True(model.training);
        model.eval();
        using var noGradient = no_grad();
        mode.Dispose();
        Assert.False(model.training);
        Assert.False(is_grad_enabled());
    }

    [Fact]
    public void AModelInTrainingMode_IsRefused_ByTheNameOfItsFirstSuchModule()
    {
        using var model = new EmbeddingModel(OSNet.X025());
        model.eval();
        EvaluationMode.Require(model);
        model.Backbone.named_modules().Single(named => named.name == "conv3.1.gate").module.train();
        Assert.Equal("EmbeddingModel must be in evaluation mode, but its module 'backbone.conv3.1.gate' is in training mode: call "
            + "model.eval() first, or compute inside `using (new EvaluationMode(model))`.",
            Assert.Throws<InvalidOperationException>(() => EvaluationMode.Require(model)).Message);
        model.train();
        Assert.StartsWith("EmbeddingModel must be in evaluation mode, but it is in training mode: call model.eval() first",
            Assert.Throws<InvalidOperationException>(() => EvaluationMode.Require(model)).Message);
        Assert.Throws<ArgumentNullException>(() => new EvaluationMode(null!));
    }

    /// <summary>A thread that stayed without gradients would train nothing, and no error would say why.</summary>
    [Fact]
    public void AModelThatIsDisposedFirst_DoesNotKeepTheThreadWithoutGradients()
    {
        var model = nn.Sequential(("only", nn.Linear(2, 2)));
        var mode = new EvaluationMode(model);
        model.Dispose();
        try
        {
            mode.Dispose();
        }
        catch (ObjectDisposedException)
        {
            // The mode of a module that is gone cannot be restored.
        }
        Assert.True(is_grad_enabled());
    }
}
