using System.Runtime.InteropServices;

namespace MetricLearning;

/// <summary>The memory allocator of the process, which also serves libtorch's tensors on the CPU.</summary>
/// <remarks>Thread safety: any number of threads may use it at once.</remarks>
public static partial class NativeAllocator
{
    private const int TrimThreshold = -1, MapThreshold = -3;

    /// <summary>The largest threshold that every version of glibc takes.</summary>
    private const int SafeThreshold = 32 << 20;

    /// <summary>
    /// Keeps the memory of freed tensors for the next ones, instead of giving each large buffer back to the system. Networks and large
    /// batches then take less time.
    /// </summary>
    /// <remarks>
    /// <para>By default glibc asks the system for each large buffer and gives it back when it is freed. The system fills every page with
    /// zeros at the next use. A training step frees and allocates the same buffers again and again, and may spend a third of its time so.
    /// docs/torchsharp.md has figures.</para>
    /// <para><b>The price</b> is memory: the process keeps what its largest step needed, and buffers of other sizes fit less well, so that
    /// its peak is higher. It never gives memory back to the system.</para>
    /// <para>It serves the program's main thread. glibc gives every other thread an area of its own, in pieces of 64 MB, and always gives
    /// back what is larger. A program that trains on another thread starts with <c>MALLOC_ARENA_MAX=1</c> in its environment
    /// besides.</para>
    /// <para>The setting belongs to the whole process, so the library never makes it by itself. Call it once, first thing in the program.
    /// It cannot be taken back. It calls <c>mallopt(M_MMAP_THRESHOLD)</c> and <c>mallopt(M_TRIM_THRESHOLD)</c>; the environment variables
    /// <c>MALLOC_MMAP_THRESHOLD_</c> and <c>MALLOC_TRIM_THRESHOLD_</c> do the same from outside.</para>
    /// </remarks>
    /// <returns>Whether the allocator took the settings. On systems other than Linux with glibc it does nothing and returns
    /// false.</returns>
    public static bool KeepFreedMemory()
    {
        if (!OperatingSystem.IsLinux()) return false;
        try
        {
            // Not `|`: where the first is refused, memory would be kept only in part.
            return (mallopt(MapThreshold, int.MaxValue) == 1 || mallopt(MapThreshold, SafeThreshold) == 1)
                && mallopt(TrimThreshold, int.MaxValue) == 1;
        }
        catch (Exception reason) when (reason is EntryPointNotFoundException or DllNotFoundException)
        {
            return false;                                   // another C library, such as musl
        }
    }

    [LibraryImport("libc")]
    private static partial int mallopt(int parameter, int value);
}
