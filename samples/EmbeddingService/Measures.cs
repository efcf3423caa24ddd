using System.Diagnostics.Metrics;
using System.Threading.RateLimiting;

namespace EmbeddingService;

/// <summary>The metrics of the service. Any number of threads may use it at once.</summary>
internal sealed class Measures
{
    public const string MeterName = "EmbeddingService";

    private readonly Counter<long> pictures;
    private readonly Counter<long> refusals;
    private readonly Histogram<double> durations;

    public Measures(IMeterFactory meters, Places places)
    {
        var meter = meters.Create(MeterName);
        pictures = meter.CreateCounter<long>("embedding_service.pictures", null, "Pictures that were embedded");
        refusals = meter.CreateCounter<long>("embedding_service.refusals", null, "Requests that were refused, by the kind of refusal");
        durations = meter.CreateHistogram<double>("embedding_service.duration", "s", "Time from a request's place to its answer",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] });
        meter.CreateObservableGauge("embedding_service.working", () => places.Working, null, "Requests that are worked on");
        meter.CreateObservableGauge("embedding_service.waiting", () => places.Waiting, null, "Requests that wait for a place");
    }

    public void Embedded(int count, TimeSpan time)
    {
        pictures.Add(count);
        durations.Record(time.TotalSeconds);
    }

    public void Refused(Refusal refusal) => refusals.Add(1, new KeyValuePair<string, object?>("kind", refusal.Kind));
}

/// <summary>Limits the requests: a few are processed at once, more may wait, and further ones are refused. Any number of threads may use it
/// at once.</summary>
internal sealed class Places(Limits limits) : IDisposable
{
    private readonly ConcurrencyLimiter limiter = new(new ConcurrencyLimiterOptions
    {
        PermitLimit = limits.AtOnce, QueueLimit = limits.Waiting, QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
    });

    public long Working => limits.AtOnce - limiter.GetStatistics()!.CurrentAvailablePermits;

    public long Waiting => limiter.GetStatistics()!.CurrentQueuedCount;

    /// <summary>Waits for a place. The caller must release it.</summary>
    /// <exception cref="Refusal">Too many wait already.</exception>
    public async Task<IDisposable> Take(CancellationToken cancellationToken)
    {
        var lease = await limiter.AcquireAsync(1, cancellationToken);
        if (lease.IsAcquired) return lease;
        lease.Dispose();
        throw new Refusal(StatusCodes.Status503ServiceUnavailable, "full", "Too many requests wait already. Try again in a moment.");
    }

    public void Dispose() => limiter.Dispose();
}
