using System.Collections.Concurrent;

namespace MetricLearning.Vision;

/// <summary>Threads that take items from a queue and handle them. <see cref="Dispose"/> drops the items that no thread has taken yet and
/// waits until the others are handled.</summary>
/// <remarks>The threads refer to the queue and not to the pool. So the garbage collector can find a pool that nobody disposed, and its
/// finalizer ends the threads.</remarks>
internal sealed class WorkerPool<T> : IDisposable
{
    private readonly BlockingCollection<T> queue = [];
    private readonly CancellationTokenSource stop = new();
    private readonly Thread[] threads;

    /// <param name="workers">The number of threads.</param>
    /// <param name="begin">Makes the handler of a thread's items; called once on each thread. The handler must not throw. Neither it nor
    /// <paramref name="begin"/> may refer to the pool.</param>
    public WorkerPool(int workers, Func<Action<T>> begin)
    {
        threads = [.. Enumerable.Range(0, workers).Select(i => NewThread(i, queue, begin, stop.Token))];
        foreach (var thread in threads) thread.Start();
    }

    ~WorkerPool() => stop.Cancel();

    public void Add(T item) => queue.Add(item);

    public void Dispose()
    {
        stop.Cancel();
        foreach (var thread in threads) thread.Join();
        queue.Dispose();
        stop.Dispose();
        GC.SuppressFinalize(this);
    }

    private static Thread NewThread(int number, BlockingCollection<T> queue, Func<Action<T>> begin, CancellationToken stop)
    {
        return new Thread(Work) { IsBackground = true, Name = $"image decoder {number}" };

        void Work()
        {
            var handle = begin();
            try
            {
                foreach (var item in queue.GetConsumingEnumerable(stop)) handle(item);
            }
            catch (OperationCanceledException)
            {
                // The pool was disposed or dropped.
            }
        }
    }
}
