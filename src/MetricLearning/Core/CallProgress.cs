namespace MetricLearning;

/// <summary>The progress of a long call, or of a part of it. It reports to the caller, and the caller may cancel the call.</summary>
/// <remarks>The default value reports nothing and is never canceled. The reported shares only rise. Use all members on the thread of the
/// call.</remarks>
internal readonly struct CallProgress
{
    private readonly Call? call;
    private readonly double from, to;

    private CallProgress(Call? call, double from, double to) => (this.call, this.from, this.to) = (call, from, to);

    /// <summary>The state that all parts of one call share.</summary>
    private sealed class Call(IProgress<double>? progress, bool oneThread, CancellationToken cancellationToken)
    {
        private double reported;

        public bool OneThread => oneThread;

        public void ThrowIfCanceled() => cancellationToken.ThrowIfCancellationRequested();

        public void Report(double share)
        {
            if (share <= reported) return;
            reported = share;
            progress?.Report(share);
        }
    }

    /// <summary>Begins a call.</summary>
    /// <exception cref="OperationCanceledException">It is canceled already.</exception>
    public static CallProgress Begin(IProgress<double>? progress, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new CallProgress(new Call(progress, oneThread: false, cancellationToken), 0, 1);
    }

    /// <summary>Begins a call whose loops run only on the calling thread. It does not ask libtorch for its number of threads.</summary>
    /// <exception cref="OperationCanceledException">It is canceled already.</exception>
    public static CallProgress OnThisThread(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new CallProgress(new Call(null, oneThread: true, cancellationToken), 0, 1);
    }

    /// <summary>Makes the part of this call between two shares.</summary>
    public CallProgress Part(double start, double end) => new(call, At(start), At(end));

    /// <summary>Reports to the caller that this share is done.</summary>
    /// <exception cref="OperationCanceledException">The call is canceled; nothing is reported.</exception>
    public void Report(double share)
    {
        call?.ThrowIfCanceled();
        call?.Report(At(share));
    }

    /// <summary>Reports that everything is done. From here on the call can no longer be canceled.</summary>
    public void Done() => call?.Report(to);

    /// <summary>Runs a loop over independent items like <see cref="Threads.For(int, Action{int}, long)"/>, and reports from time to
    /// time.</summary>
    /// <exception cref="OperationCanceledException">The call is canceled; some items are done.</exception>
    public void For(int count, Action<int> body)
    {
        const int atOnce = 1024;
        for (var first = 0; first < count; first += atOnce)
        {
            var (start, items) = (first, Math.Min(atOnce, count - first));
            Threads.For(items, i => body(start + i), work: call is { OneThread: true } ? 0 : long.MaxValue);
            Report((double)(start + items) / count);
        }
    }

    private double At(double share) => from * (1 - share) + to * share;
}
