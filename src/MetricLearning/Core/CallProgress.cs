namespace MetricLearning;

/// <summary>How far a long call is, or a part of it: what is done is reported to the caller, and the caller may cancel.</summary>
/// <remarks>The default value reports nothing and is never canceled. The shares that a call reports only rise. All members are for the
/// thread that makes the call: an exception inside a parallel loop would come out as an <see cref="AggregateException"/>.</remarks>
internal readonly struct CallProgress
{
    private readonly Call? call;
    private readonly double from, to;

    private CallProgress(Call? call, double from, double to) => (this.call, this.from, this.to) = (call, from, to);

    /// <summary>What all parts of one call share.</summary>
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

    /// <summary>Begins a call whose loops run on the calling thread alone, so that libtorch is not asked for its threads.</summary>
    /// <exception cref="OperationCanceledException">It is canceled already.</exception>
    public static CallProgress OnThisThread(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new CallProgress(new Call(null, oneThread: true, cancellationToken), 0, 1);
    }

    /// <summary>The part of this call between two shares of it.</summary>
    public CallProgress Part(double start, double end) => new(call, At(start), At(end));

    /// <summary>The caller learns that this share is done.</summary>
    /// <exception cref="OperationCanceledException">The call is canceled; nothing is reported.</exception>
    public void Report(double share)
    {
        call?.ThrowIfCanceled();
        call?.Report(At(share));
    }

    /// <summary>All is done. A call that has its result is no longer canceled.</summary>
    public void Done() => call?.Report(to);

    /// <summary>A loop over independent items, as <see cref="Threads.For"/>, which reports now and then.</summary>
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
