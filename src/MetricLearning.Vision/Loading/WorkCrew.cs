using System.Collections.Concurrent;

namespace MetricLearning.Vision;

/// <summary>A few threads that work off a queue. <see cref="Dispose"/> drops what has not begun and waits for the rest.</summary>
internal sealed class WorkCrew<T> : IDisposable
{
    private readonly BlockingCollection<T> queue = [];
    private readonly CancellationTokenSource stop = new();
    private readonly Thread[] threads;

    /// <param name="workers">How many threads.</param>
    /// <param name="begin">Called once on each: makes what handles its items. The handler must not throw.</param>
    public WorkCrew(int workers, Func<Action<T>> begin)
    {
        threads = [.. Enumerable.Range(0, workers).Select(i => new Thread(Work) { IsBackground = true, Name = $"picture decoder {i}" })];
        foreach (var thread in threads) thread.Start();

        void Work()
        {
            var handle = begin();
            try
            {
                foreach (var item in queue.GetConsumingEnumerable(stop.Token)) handle(item);
            }
            catch (OperationCanceledException)
            {
                // The crew was dismissed.
            }
        }
    }

    public void Add(T item) => queue.Add(item);

    public void Dispose()
    {
        stop.Cancel();
        foreach (var thread in threads) thread.Join();
        queue.Dispose();
        stop.Dispose();
    }
}
