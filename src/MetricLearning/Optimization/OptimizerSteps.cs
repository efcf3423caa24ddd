using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Steps of TorchSharp's optimizers that are safe from the garbage collector.</summary>
/// <remarks>
/// TorchSharp's own <c>step()</c> creates scalars that a garbage collection may free during the native call. <c>SafeStep</c> keeps them
/// alive. It computes the same with the settings, the state and the parameter groups of the same optimizer. Schedules and checkpoints work
/// as before, and you may mix both kinds of step.
/// <para>For SGD the result has the same bits as that of TorchSharp's step. For Adam and AdamW it agrees up to rounding. For float32 on the
/// CPU they take one pass over the memory of a parameter instead of ten, so their step is faster.</para>
/// <para>Thread safety: one thread at a time for one optimizer, as for TorchSharp's own step.</para>
/// </remarks>
/// <example><code>
/// loss.backward();
/// optimizer.SafeStep();                       // in place of optimizer.step()
/// </code></example>
public static class OptimizerSteps
{
    /// <summary>Makes one step of SGD (momentum, dampening, Nesterov, weight decay), Adam (AMSGrad, weight decay) or AdamW. A parameter
    /// without a gradient does not change.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <exception cref="ArgumentNullException">The optimizer is null.</exception>
    /// <exception cref="NotSupportedException">It is an optimizer of another kind.</exception>
    public static void SafeStep(this optim.Optimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        if (optimizer is not (SGD or Adam or AdamW)) throw new NotSupportedException(
            $"{nameof(SafeStep)} knows SGD, Adam and AdamW, got {optimizer.GetType().Name}: call its step().");
        var states = OptimizerStates.Of((OptimizerHelper)optimizer).ToDictionary(entry => entry.Parameter.Handle, entry => entry.State);
        using var noGradient = no_grad();
        foreach (var group in optimizer.ParamGroups.Cast<ParamGroup>())
            foreach (var parameter in group.Parameters)
            {
                using var scope = NewDisposeScope();
                if (parameter.grad is not { } gradient) continue;
                switch (states[parameter.Handle], group.Options)
                {
                    case (SGD.State state, SGD.Options options):
                        Step(parameter, gradient, state, options);
                        break;
                    case (Adam.State state, Adam.Options options):
                        state.step++;
                        new AdamStep(state.step, options.LearningRate!.Value, options.beta1!.Value, options.beta2!.Value,
                            options.eps!.Value, options.weight_decay!.Value, decoupled: false, options.maximize!.Value)
                            .Apply(parameter, gradient, state.exp_avg, state.exp_avg_sq,
                                options.amsgrad!.Value ? state.max_exp_avg_sq : null);
                        break;
                    case (AdamW.State state, AdamW.Options options):
                        state.step++;
                        new AdamStep(state.step, options.LearningRate!.Value, options.beta1!.Value, options.beta2!.Value,
                            options.eps!.Value, options.weight_decay!.Value, decoupled: true, options.maximize!.Value)
                            .Apply(parameter, gradient, state.exp_avg, state.exp_avg_sq,
                                options.amsgrad!.Value ? state.max_exp_avg_sq : null);
                        break;
                    case var (_, options):
                        throw new NotSupportedException($"The options {options.GetType()} are not those of {optimizer.GetType().Name}.");
                }
            }
    }

    private static void Step(Parameter parameter, Tensor gradient, SGD.State state, SGD.Options options)
    {
        var (momentum, decay) = (options.momentum!.Value, options.weight_decay!.Value);
        if (decay != 0) gradient = gradient.add(parameter, S(decay));
        if (momentum != 0)
        {
            if (state.momentum_buffer is { } buffer) buffer.mul_(S(momentum)).add_(gradient, S(1 - options.dampening!.Value));
            else state.momentum_buffer = gradient.detach().clone().DetachFromDisposeScope();
            gradient = options.nesterov!.Value ? gradient.add(state.momentum_buffer, S(momentum)) : state.momentum_buffer;
        }
        parameter.add_(gradient, S(options.maximize!.Value ? options.LearningRate!.Value : -options.LearningRate!.Value));
    }
}
