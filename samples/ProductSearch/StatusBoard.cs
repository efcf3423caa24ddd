using System.Runtime.CompilerServices;

namespace ProductSearch;

/// <summary>The state of the program that the page shows.</summary>
/// <param name="Count">The number of products.</param>
/// <param name="Tags">All tags, in alphabetical order.</param>
/// <param name="Activity">The running activity, in words; null if there is none.</param>
/// <param name="Detail">How far it is, in words; null if nothing is known but the share.</param>
/// <param name="Share">The share of it that is done, in [0, 1]; null if that is not known.</param>
/// <param name="CanStop">Whether it can be stopped from the page.</param>
/// <param name="Message">How the last addition of a folder ended.</param>
internal sealed record Status(int Count, IReadOnlyList<string> Tags, string? Activity = null, string? Detail = null, double? Share = null,
    bool CanStop = false, string? Message = null);

/// <summary>Holds the newest status and sends it to all followers. Any number of threads may use it at once.</summary>
internal sealed class StatusBoard
{
    /// <summary>The shortest time between two updates. Nobody could read more frequent ones.</summary>
    private static readonly TimeSpan pause = TimeSpan.FromMilliseconds(100);

    private readonly Lock gate = new();
    private Status status = new(0, []);
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The newest status.</summary>
    public Status Current
    {
        get
        {
            lock (gate) return status;
        }
    }

    /// <summary>Changes the status.</summary>
    public void Set(Func<Status, Status> change)
    {
        lock (gate)
        {
            status = change(status);
            changed.TrySetResult();
            changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Shows the running activity and the share of it that is done.</summary>
    public void Show(string activity, double? share = null, bool canStop = false, string? detail = null) =>
        Set(old => old with { Activity = activity, Detail = detail, Share = share, CanStop = canStop });

    /// <summary>Returns the status now and after each change, until it is canceled. Changes in quick succession are combined into
    /// one.</summary>
    public async IAsyncEnumerable<Status> Follow([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            Task next;
            Status now;
            lock (gate) (next, now) = (changed.Task, status);
            yield return now;
            await next.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.Delay(pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
