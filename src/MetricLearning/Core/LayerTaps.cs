using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Listens to the input and output of each layer of a model, on the thread that runs the model.</summary>
/// <remarks>
/// <para>TorchSharp keeps hooks in a dictionary of the module, and every <c>call</c> enumerates it. A hook that is added for one call would
/// also run in the calls of other threads. Adding or removing a hook while another thread calls the module breaks that call. So each layer
/// gets one hook, which stays. It passes the output on to the listener of its own thread, and does nothing if there is none.</para>
/// <para>One lock for the whole process keeps hooks from being added during forward passes; it is not one per model, because models may
/// share layers. Forward passes of the library share it; adding hooks holds it exclusively. A program's own <c>call</c> does not hold
/// it.</para>
/// </remarks>
internal static class LayerTaps
{
    private static readonly ConditionalWeakTable<nn.Module, object> tapped = [];
    private static readonly ReaderWriterLockSlim gate = new(LockRecursionPolicy.SupportsRecursion);
    private static readonly object mark = new();

    [ThreadStatic]
    private static Action<nn.Module, Tensor, Tensor>? listener;

    /// <summary>The layers that can be listened to, by their dotted names, outer ones first. These are the layers that take a tensor and
    /// return a tensor.</summary>
    public static IEnumerable<(string Name, nn.Module<Tensor, Tensor> Layer)> Layers(nn.Module model)
    {
        foreach (var (name, module) in model.named_modules())
            if (name.Length > 0 && module is nn.Module<Tensor, Tensor> layer) yield return (name, layer);
    }

    /// <summary>Adds the missing hooks. It waits for the running passes.</summary>
    /// <exception cref="InvalidOperationException">Hooks are missing, and this thread is inside a pass.</exception>
    public static void AddTo(nn.Module model)
    {
        var layers = Layers(model).Select(named => named.Layer).Where(layer => !tapped.TryGetValue(layer, out _)).ToList();
        if (layers.Count == 0) return;
        if (gate.IsReadLockHeld)
            throw new InvalidOperationException(
                $"The layers of {model.GetType().Name} cannot get their hooks inside the forward pass "
                + "of another model: create its FeatureExtractor before that pass.");
        gate.EnterWriteLock();
        try
        {
            foreach (var layer in layers)
                if (tapped.TryAdd(layer, mark)) layer.register_forward_hook(Tell);
        }
        finally
        {
            gate.ExitWriteLock();
        }
    }

    /// <summary>Begins a forward pass. No hook is added until it is disposed, which must happen on the same thread.</summary>
    public static Pass BeginPass()
    {
        gate.EnterReadLock();
        return new(gate);
    }

    /// <summary>Runs a model. The listener receives each input and output of each layer, and must copy those that it keeps. A layer that
    /// works in place has changed its input.</summary>
    public static TResult Call<TResult>(nn.Module<Tensor, TResult> model, Tensor input,
        Action<nn.Module, Tensor, Tensor> hear)
    {
        AddTo(model);
        using var pass = BeginPass();
        var outer = listener;
        listener = hear;
        try
        {
            return model.call(input);
        }
        finally
        {
            listener = outer;
        }
    }

    private static Tensor Tell(nn.Module<Tensor, Tensor> layer, Tensor input, Tensor output)
    {
        listener?.Invoke(layer, input, output);
        return output;
    }

    /// <summary>A running forward pass, which shares the lock with others.</summary>
    public readonly ref struct Pass(ReaderWriterLockSlim held)
    {
        public void Dispose() => held.ExitReadLock();
    }
}
