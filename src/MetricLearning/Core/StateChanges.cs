using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Records what a call changes in its losses and miners, so that the changes can be undone if the call throws.</summary>
/// <remarks>
/// A call runs in <see cref="During{T}"/>. If it throws, all its changes are undone, the last first. A call within another call passes its
/// changes to the outer call, which may still throw. A call that only measures runs in <see cref="Undone{T}"/>, so it changes nothing.
/// <para>Thread safety: each thread has its own.</para>
/// </remarks>
internal sealed class StateChanges
{
    [ThreadStatic] private static StateChanges? current;

    private readonly StateChanges? outer = current;
    private readonly List<(Action Undo, Tensor[] Saved)> changes = [];

    private StateChanges() => current = this;

    /// <summary>Runs a call. If it throws, its changes are undone.</summary>
    public static T During<T>(Func<T> call)
    {
        var changes = new StateChanges();
        T result;
        try
        {
            result = call();
            changes.Keep();
        }
        catch (Exception e)
        {
            changes.End(e);
            throw;
        }
        changes.End(null);
        return result;
    }

    /// <summary>Runs a call and undoes its changes in any case. Random numbers that libtorch draws on the CPU are drawn again
    /// later.</summary>
    public static T Undone<T>(Func<T> call)
    {
        var changes = new StateChanges();
        using var generator = get_rng_state();
        T result;
        try
        {
            result = call();
        }
        catch (Exception e)
        {
            set_rng_state(generator);
            changes.End(e);
            throw;
        }
        set_rng_state(generator);
        changes.End(null);
        return result;
    }

    /// <summary>Saves a tensor before it is overwritten. If the call throws, the values are restored. Outside of a call it does
    /// nothing.</summary>
    public static void Before(Tensor written)
    {
        if (current is null) return;
        var saved = written.detach().clone().DetachFromDisposeScope();
        current.changes.Add((() => written.detach().copy_(saved), [saved]));
    }

    /// <summary>Saves some rows of a tensor before they are overwritten. If the call throws, they are restored.</summary>
    /// <param name="written">[N, ...], without gradient.</param>
    /// <param name="rows">int64 [K].</param>
    public static void Before(Tensor written, Tensor rows)
    {
        if (current is null) return;
        var (saved, places) = (written.index_select(0, rows).DetachFromDisposeScope(), rows.clone().DetachFromDisposeScope());
        current.changes.Add((() => written.index_copy_(0, places, saved), [saved, places]));
    }

    /// <summary>Adds an action that undoes a change if the call throws. Outside of a call it does nothing.</summary>
    public static void OnFailure(Action undo) => current?.changes.Add((undo, []));

    /// <summary>Keeps the changes, because the call has succeeded.</summary>
    private void Keep()
    {
        if (outer is not null) outer.changes.AddRange(changes);
        else Free();
        changes.Clear();
    }

    /// <summary>Ends the call, and undoes the changes that are not kept. A change that cannot be undone, for instance because the call
    /// disposed the tensor, does not keep the others from being undone.</summary>
    /// <param name="cause">Why the call failed; null if it did not.</param>
    /// <exception cref="AggregateException">A change cannot be undone. It has the cause and the reasons.</exception>
    private void End(Exception? cause)
    {
        current = outer;
        if (changes.Count == 0) return;
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        List<Exception> failures = [];
        foreach (var (undo, _) in Enumerable.Reverse(changes))
            try
            {
                undo();
            }
            catch (Exception e)
            {
                failures.Add(e);
            }
        Free();
        if (failures.Count > 0) throw new AggregateException("Not all changes of the call can be undone.",
            cause is null ? failures : failures.Prepend(cause));
    }

    private void Free()
    {
        foreach (var (_, saved) in changes)
            foreach (var tensor in saved) tensor.Dispose();
    }
}
