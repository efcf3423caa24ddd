using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace MetricLearning;

/// <summary>Runs loops on the threads on which libtorch runs its own: those of its OpenMP runtime.</summary>
/// <remarks>
/// A loop that ran on .NET's threads would leave them spinning for a moment, and the next operation of libtorch would wake its own threads
/// on the same processors. On two processors each change between the two cost 0.2 to 0.4 ms. A loop inside a loop runs on one thread.
/// </remarks>
internal static unsafe class OpenMpTeam
{
    /// <summary>The most items that a thread takes at once. Taking one item costs as much as a few dozen additions.</summary>
    private const int MostTogether = 16;

    /// <summary>The fewest shares for each thread, so that all threads end at about the same time.</summary>
    private const int SharesOfThread = 32;

    private static readonly Lazy<nint> entry = new(Find);

    /// <summary>Whether libtorch's OpenMP runtime can run loops, which is possible on Linux only. Read it only after libtorch was
    /// loaded.</summary>
    public static bool IsAvailable => entry.Value != 0;

    /// <summary>Calls <paramref name="body"/> for 0, 1, ... count − 1, in any order. An exception of <paramref name="body"/> is thrown
    /// unchanged, and no further items are begun; if several calls fail, it is the exception of one of them.</summary>
    /// <param name="count">The number of items.</param>
    /// <param name="threads">The number of threads, with the calling one.</param>
    /// <param name="body">Takes the number of the item.</param>
    public static void For(int count, int threads, Action<int> body)
    {
        var loop = new Loop(count, Math.Clamp(count / (threads * SharesOfThread), 1, MostTogether), body);
        var handle = GCHandle.Alloc(loop);
        try
        {
            // GOMP_parallel(function, argument, threads, flags) returns when all threads have returned from the function.
            ((delegate* unmanaged<delegate* unmanaged<nint, void>, nint, uint, uint, void>)entry.Value)(&Enter,
                GCHandle.ToIntPtr(handle), (uint)Math.Min(threads, count), 0);
        }
        finally
        {
            handle.Free();
        }
        loop.Failure?.Throw();
    }

    [UnmanagedCallersOnly]
    private static void Enter(nint loop) => ((Loop)GCHandle.FromIntPtr(loop).Target!).Enter();

    /// <summary>The address of the function that starts threads in the runtime of the loaded libtorch; 0 if there is none.</summary>
    private static nint Find() =>
        // By this name the system's loader gives the library that is loaded already. The search for a function includes the libraries that
        // libtorch depends on.
        OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libtorch_cpu.so", out var torch)
            && NativeLibrary.TryGetExport(torch, "GOMP_parallel", out var address) ? address : 0;

    private sealed class Loop(int count, int together, Action<int> body)
    {
        private readonly int caller = Environment.CurrentManagedThreadId;
        private readonly ExecutionContext? context = ExecutionContext.Capture();
        private long next;

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
                for (long first; (first = Interlocked.Add(ref next, together) - together) < count;)
                    for (var i = (int)first; i < Math.Min(count, first + together); i++) body(i);
            }
            catch (Exception e)
            {
                Failure = ExceptionDispatchInfo.Capture(e);
                Interlocked.Exchange(ref next, count);
            }
        }
    }
}
