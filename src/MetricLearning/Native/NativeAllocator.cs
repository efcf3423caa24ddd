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
    /// Keeps the memory of freed tensors for new ones, instead of returning each large buffer to the system. This makes networks and large
    /// batches faster.
    /// </summary>
    /// <remarks>
    /// <para>By default glibc requests each large buffer from the system and returns it when it is freed. The system fills every page with
    /// zeros at the next use. A training step frees and allocates the same buffers again and again, and may spend a third of its time on
    /// this. docs/torchsharp.md has figures.</para>
    /// <para><b>The price</b> is memory. The process keeps the memory of its largest step and never returns it to the system. Buffers of
    /// other sizes fit less well, so the peak is higher.</para>
    /// <para>It works for the program's main thread. glibc gives every other thread its own area in pieces of 64 MB, and always returns
    /// larger buffers to the system. If a program trains on another thread, start it with <c>MALLOC_ARENA_MAX=1</c> in its environment as
    /// well.</para>
    /// <para>The setting applies to the whole process, so the library never makes it by itself. Call this method once, at the start of the
    /// program. It cannot be undone. It calls <c>mallopt(M_MMAP_THRESHOLD)</c> and <c>mallopt(M_TRIM_THRESHOLD)</c>; the environment
    /// variables <c>MALLOC_MMAP_THRESHOLD_</c> and <c>MALLOC_TRIM_THRESHOLD_</c> do the same from outside.</para>
    /// </remarks>
    /// <returns>Whether the allocator accepted the settings. On systems other than Linux with glibc it does nothing and returns
    /// false.</returns>
    public static bool KeepFreedMemory()
    {
        if (!OperatingSystem.IsLinux()) return false;
        try
        {
            // The safe threshold is tried only if the largest one is refused. The second setting is made only if the first was accepted,
            // because by itself it would keep only a part of the memory.
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
