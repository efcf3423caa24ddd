using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Puts a model into eval mode without gradient until disposed, then gives each module back the mode that it had.</summary>
internal sealed class EvaluationMode : IDisposable
{
    private readonly IDisposable noGradient = no_grad();
    private readonly List<(nn.Module Module, bool Training)> modes = [];

    public EvaluationMode(nn.Module model)
    {
        Record(model);
        if (modes.Any(mode => mode.Training)) model.eval();
    }

    public void Dispose()
    {
        // Setting a module sets its children too; parents come first, so each child ends in its own mode.
        foreach (var (module, training) in modes)
            if (module.training != training) module.train(training);
        noGradient.Dispose();
    }

    private void Record(nn.Module module)
    {
        modes.Add((module, module.training));
        foreach (var (_, child) in module.named_children()) Record(child);
    }
}
