using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace MetricLearning;

/// <summary>Runs loops on the threads on which libtorch runs its own: those of its OpenMP runtime.</summary>
/// <remarks>
/// A loop that ran on .NET's threads would leave them spinning for a moment, and the next operation of libtorch would wake its own threads
/// on the same processors. On two processors each change between the two cost 0.2 to 0.4 ms. A loop inside a loop runs on one thread.
/// <para> The items are divided into one share for each thread, in order, as libtorch divides the rows of a tensor. So a thread finds the
/// rows that it wrote in its own cache. A thread that has finished its share helps with the others. </para>
/// </remarks>
internal static unsafe class OpenMpTeam
{
    /// <summary>The most items that a thread takes at once. Taking one item costs as much as a few dozen additions.</summary>
    private const int MostTogether = 16;

    /// <summary>How often each thread takes items at least, so that all threads end at about the same time.</summary>
    private const int TakesOfThread = 32;

    /// <summary>The distance of two counters in an array. Counters in one cache line would slow down each other's threads.</summary>
    private const int Spacing = 16;

    private static readonly Lazy<nint> entry = new(() => Find("GOMP_parallel"));

    private static readonly Lazy<nint> threadNumber = new(() => Find("omp_get_thread_num"));

    /// <summary>Whether libtorch's OpenMP runtime can run loops, which is possible on Linux only. Read it only after libtorch was
    /// loaded.</summary>
    public static bool IsAvailable => entry.Value != 0 && threadNumber.Value != 0;

    /// <summary>Calls <paramref name="body"/> for 0, 1, ... count − 1, in any order. An exception of <paramref name="body"/> is thrown
    /// unchanged, and no further items are begun; if several calls fail, it is the exception of one of them.</summary>
    /// <param name="count">The number of items.</param>
    /// <param name="threads">The number of threads, with the calling one.</param>
    /// <param name="body">Takes the number of the item.</param>
    public static void For(int count, int threads, Action<int> body)
    {
        threads = Math.Min(threads, count);
        var loop = new Loop(count, threads, Math.Clamp(count / (threads * TakesOfThread), 1, MostTogether), body);
        var handle = GCHandle.Alloc(loop);
        try
        {
            // GOMP_parallel(function, argument, threads, flags) returns when all threads have returned from the function.
            ((delegate* unmanaged<delegate* unmanaged<nint, void>, nint, uint, uint, void>)entry.Value)(&Enter,
                GCHandle.ToIntPtr(handle), (uint)threads, 0);
        }
        finally
        {
            handle.Free();
        }
        loop.Failure?.Throw();
    }

    [UnmanagedCallersOnly]
    private static void Enter(nint loop) => ((Loop)GCHandle.FromIntPtr(loop).Target!).Enter();

    /// <summary>The address of a function of the runtime of the loaded libtorch; 0 if there is none.</summary>
    private static nint Find(string function) =>
        // By this name the system's loader gives the library that is loaded already. The search for a function includes the libraries that
        // libtorch depends on.
        OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libtorch_cpu.so", out var torch)
            && NativeLibrary.TryGetExport(torch, function, out var address) ? address : 0;

    private sealed class Loop(int count, int threads, int together, Action<int> body)
    {
        private readonly int caller = Environment.CurrentManagedThreadId;
        private readonly ExecutionContext? context = ExecutionContext.Capture();
        private readonly long[] taken = new long[threads * Spacing];

        public ExceptionDispatchInfo? Failure { get; private set; }

        /// <summary>Takes items until none is left. The other threads get the caller's context, so that its culture and
        /// <see cref="AsyncLocal{T}"/> values are those of the body.</summary>
        public void Enter()
        {
            if (context is null || Environment.CurrentManagedThreadId == caller) Run();
            else ExecutionContext.Run(context, static loop => ((Loop)loop!).Run(), this);
        }

        [SuppressMessage("Design", "CA1031", Justification = "It is thrown to the caller. It must not pass through native code.")]
        private void Run()
        {
            try
            {
                var own = ((delegate* unmanaged<int>)threadNumber.Value)();
                for (var k = 0; k < threads; k++) Take((own + k) % threads);
            }
            catch (Exception e)
            {
                Failure = ExceptionDispatchInfo.Capture(e);
                for (var share = 0; share < threads; share++) Interlocked.Exchange(ref taken[share * Spacing], count);
            }
        }

        /// <summary>Takes items of one share until none is left.</summary>
        private void Take(int share)
        {
            var (start, end) = ((long)count * share / threads, (long)count * (share + 1) / threads);
            for (long first; (first = start + Interlocked.Add(ref taken[share * Spacing], together) - together) < end;)
                for (var i = first; i < Math.Min(end, first + together); i++) body((int)i);
        }
    }
}
