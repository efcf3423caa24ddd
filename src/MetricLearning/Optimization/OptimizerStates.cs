using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The state that an optimizer keeps for each parameter, by name.</summary>
/// <remarks>TorchSharp's own saving is not used: its SGD restores momentum as float32 on the CPU whatever the parameter is, and the tensors
/// that loading makes belong to the caller's dispose scope.</remarks>
internal static class OptimizerStates
{
    /// <summary>The parameters with their states, in the order of the groups.</summary>
    /// <exception cref="ObjectDisposedException">The optimizer or one of its parameters has been disposed.</exception>
    public static IReadOnlyList<(Parameter Parameter, TorchSharp.Modules.OptimizerState State)> Of(OptimizerHelper optimizer)
    {
        Parameter[] parameters = [.. optimizer.parameters()];
        Gradients.RequireAlive(parameters, optimizer.GetType().Name);
        var states = StatesOf(optimizer);
        ObjectDisposedException.ThrowIf(states.Any(IsDisposed), optimizer);
        return [.. parameters.Zip(states)];
    }

    private static List<TorchSharp.Modules.OptimizerState> StatesOf(OptimizerHelper optimizer)
    {
        try
        {
            return optimizer.state_dict().State;
        }
        catch (KeyNotFoundException)
        {
            // TorchSharp enumerates the parameters anew each time, and finds the states by the parameters.
            var name = optimizer.GetType().Name;
            throw new ObjectDisposedException(name, $"{name} has no state of a parameter. It has been disposed, or it was made from a "
                + "query that gives other parameters now, for example because the model was moved to another device or type, or a frozen "
                + $"part was released: make {name} after the move, and from a list ([.. parameters]).");
        }
    }

    private static bool IsDisposed(TorchSharp.Modules.OptimizerState state) => state switch
    {
        SGD.State s => s.momentum_buffer is { IsInvalid: true },
        Adam.State s => s.exp_avg.IsInvalid,
        AdamW.State s => s.exp_avg.IsInvalid,
        _ => Array.Exists(Tensors(state), slot => slot.Get() is { IsInvalid: true }),
    };

    /// <summary>The tensors of a state. A tensor may be null: momentum before the first step, or a part that is switched off.</summary>
    /// <exception cref="NotSupportedException">The optimizer is of an unknown kind.</exception>
    public static Slot<Tensor?>[] Tensors(TorchSharp.Modules.OptimizerState state) => state switch
    {
        SGD.State s => [new("momentum_buffer", () => s.momentum_buffer, v => s.momentum_buffer = v)],
        Adam.State s =>
        [
            new("exp_avg", () => s.exp_avg, v => s.exp_avg = v), new("exp_avg_sq", () => s.exp_avg_sq, v => s.exp_avg_sq = v),
            new("max_exp_avg_sq", () => s.max_exp_avg_sq, v => s.max_exp_avg_sq = v),
        ],
        AdamW.State s =>
        [
            new("exp_avg", () => s.exp_avg, v => s.exp_avg = v), new("exp_avg_sq", () => s.exp_avg_sq, v => s.exp_avg_sq = v),
            new("max_exp_avg_sq", () => s.max_exp_avg_sq, v => s.max_exp_avg_sq = v),
        ],
        NAdam.State s =>
            [new("exp_avg", () => s.exp_avg, v => s.exp_avg = v), new("exp_avg_sq", () => s.exp_avg_sq, v => s.exp_avg_sq = v)],
        RAdam.State s =>
            [new("exp_avg", () => s.exp_avg, v => s.exp_avg = v), new("exp_avg_sq", () => s.exp_avg_sq, v => s.exp_avg_sq = v)],
        Adamax.State s => [new("exp_avg", () => s.exp_avg, v => s.exp_avg = v), new("exp_inf", () => s.exp_inf, v => s.exp_inf = v)],
        RMSProp.State s =>
        [
            new("square_avg", () => s.square_avg, v => s.square_avg = v),
                new("momentum_buffer", () => s.momentum_buffer, v => s.momentum_buffer = v),
            new("grad_avg", () => s.grad_avg, v => s.grad_avg = v),
        ],
        Adagrad.State s => [new("sum", () => s.sum, v => s.sum = v)],
        Adadelta.State s =>
            [new("square_avg", () => s.square_avg, v => s.square_avg = v), new("acc_delta", () => s.acc_delta, v => s.acc_delta = v)],
        ASGD.State s => [new("ax", () => s.ax, v => s.ax = v)],
        Rprop.State s => [new("prev", () => s.prev, v => s.prev = v), new("step_size", () => s.step_size, v => s.step_size = v)],
        _ => throw new NotSupportedException($"The optimizer state {state.GetType()} is not known; a checkpoint cannot hold it."),
    };

    /// <summary>The numbers of a state.</summary>
    public static Slot<double>[] Numbers(TorchSharp.Modules.OptimizerState state) => state switch
    {
        SGD.State => [],
        Adam.State s => [new("step", () => s.step, v => s.step = (long)v)],
        AdamW.State s => [new("step", () => s.step, v => s.step = (long)v)],
        NAdam.State s => [new("step", () => s.step, v => s.step = (long)v), new("mu_product", () => s.mu_product, v => s.mu_product = v)],
        RAdam.State s => [new("step", () => s.step, v => s.step = (long)v)],
        Adamax.State s => [new("step", () => s.step, v => s.step = (long)v)],
        RMSProp.State s => [new("step", () => s.step, v => s.step = (long)v)],
        Adagrad.State s => [new("step", () => s.step, v => s.step = (long)v)],
        Adadelta.State s => [new("step", () => s.step, v => s.step = (long)v)],
        ASGD.State s =>
        [
            new("step", () => s.step, v => s.step = (long)v), new("eta", () => s.eta, v => s.eta = v), new("mu", () => s.mu, v => s.mu = v),
        ],
        Rprop.State s => [new("step", () => s.step, v => s.step = (long)v)],
        _ => throw new NotSupportedException($"The optimizer state {state.GetType()} is not known; a checkpoint cannot hold it."),
    };

    /// <summary>The settings of each group (learning rate, betas and so on), as TorchSharp writes them.</summary>
    public static byte[][] Settings(OptimizerHelper optimizer) => [.. optimizer.state_dict().Options.Select(options =>
    {
        using var buffer = new MemoryStream();
        using var writer = new BinaryWriter(buffer);
        options.SaveStateDict(writer);
        writer.Flush();
        return buffer.ToArray();
    })];

    /// <summary>Sets what <see cref="Settings"/> gave.</summary>
    public static void SetSettings(OptimizerHelper optimizer, IReadOnlyList<byte[]> settings)
    {
        foreach (var (options, saved) in optimizer.state_dict().Options.Zip(settings))
        {
            using var reader = new BinaryReader(new MemoryStream(saved));
            options.LoadStateDict(reader);
        }
    }

    /// <summary>One value of a state.</summary>
    internal sealed record Slot<T>(string Name, Func<T> Get, Action<T> Set);
}
