using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A scope in which a model is in evaluation mode and records no gradient; at its end each module has its own mode
/// again.</summary>
/// <remarks>
/// <code>
/// using (new EvaluationMode(model))
///     report = Evaluate(model);            // between two epochs of training
/// </code>
/// <para><c>Embed</c>, <see cref="FeatureExtractor"/>, <see cref="LayerFeatures"/> and <see cref="ModelSummary"/> need a model in
/// evaluation mode and never switch the mode. A program that only evaluates calls <c>model.eval()</c> once. This scope is for a program
/// that evaluates during training. A part that was already in evaluation mode, such as a frozen backbone, stays in it.</para>
/// <para>Thread safety: one thread at a time. The mode belongs to the model, so no other thread may use the model when the scope begins or
/// ends. In between any number of threads may evaluate. End the scope on the thread on which it began, because the recording of gradients
/// belongs to the thread.</para>
/// </remarks>
public sealed class EvaluationMode : IDisposable
{
    private readonly List<(nn.Module Module, bool Training)> modes = [];
    private readonly IDisposable noGradient;
    private bool isDisposed;

    /// <summary>Saves the mode of each module, and puts all of them into evaluation mode.</summary>
    /// <param name="model">The model.</param>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    public EvaluationMode(nn.Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Record(model);
        if (modes.Any(mode => mode.Training)) model.eval();
        noGradient = no_grad();
    }

    /// <summary>Restores the mode of each module and the thread's recording of gradients. A second call does nothing.</summary>
    public void Dispose()
    {
        if (isDisposed) return;
        isDisposed = true;
        try
        {
            // Setting the mode of a module also sets that of its children. Parents come first, so each child ends in its own mode.
            foreach (var (module, training) in modes)
                if (module.training != training) module.train(training);
        }
        finally
        {
            noGradient.Dispose();       // also if the model is disposed and has no mode any more
        }
    }

    /// <summary>Refuses a model of which any module is in training mode.</summary>
    /// <exception cref="InvalidOperationException">A module is in training mode; the message names the first one.</exception>
    internal static void Require(nn.Module model)
    {
        Guard.InUse(model);
        if (FirstInTraining(model) is not { } name) return;
        throw new InvalidOperationException($"{model.GetType().Name} must be in evaluation mode, but "
            + (name.Length == 0 ? "it" : $"its module '{name}'") + " is in training mode: call model.eval() first, or compute inside "
            + $"`using (new {nameof(EvaluationMode)}(model))`.");
    }

    /// <summary>The dotted name of the first module in training mode, empty for the model itself; null if there is none.</summary>
    private static string? FirstInTraining(nn.Module module)
    {
        if (module.training) return "";
        foreach (var (name, child) in module.named_children())
            if (FirstInTraining(child) is { } inner) return inner.Length == 0 ? name : $"{name}.{inner}";
        return null;
    }

    private void Record(nn.Module module)
    {
        modes.Add((module, module.training));
        foreach (var (_, child) in module.named_children()) Record(child);
    }
}
