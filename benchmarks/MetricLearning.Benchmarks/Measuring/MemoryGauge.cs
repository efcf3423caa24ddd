using System.Globalization;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>The memory of one call of a way.</summary>
/// <param name="PeakBytes">The largest rise of the process's resident memory: libtorch's tensors, its scratch memory and the managed heap.
/// Null if the system does not report it (only Linux does). The memory of a GPU is not included.</param>
/// <param name="ManagedBytes">The bytes that were allocated on the managed heap.</param>
internal readonly record struct MemoryUse(long? PeakBytes, long ManagedBytes);

/// <summary>Measures memory in a separate run, which is not timed.</summary>
/// <remarks>
/// The peak is Linux's high-water mark of resident memory (VmHWM in /proc/self/status). Writing 5 to /proc/self/clear_refs resets it to the
/// current value. Freed memory that the C library still holds would hide allocations, so it is returned to the system first (malloc_trim).
/// </remarks>
internal static partial class MemoryGauge
{
    /// <summary>Measures the memory of one call. If the way has not run before, this includes what it creates once and keeps.</summary>
    public static MemoryUse Measure(Func<Tensor[]> way)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        var tells = OperatingSystem.IsLinux() && TryReset();
        var resident = tells ? Status("VmRSS:") : 0;
        var managed = GC.GetTotalAllocatedBytes(precise: true);
        var results = way();
        Settings.Synchronize();
        managed = GC.GetTotalAllocatedBytes(precise: true) - managed;
        long? peak = tells ? Math.Max(0, Status("VmHWM:") - resident) : null;
        Free(results);
        return new(peak, managed);
    }

    /// <summary>Disposes the results of a way.</summary>
    public static void Free(Tensor[] results)
    {
        foreach (var result in results) result.Dispose();
    }

    private static bool TryReset()
    {
        try
        {
            _ = malloc_trim(0);
            File.WriteAllText("/proc/self/clear_refs", "5");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    private static long Status(string name)
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(name, StringComparison.Ordinal));
        return 1024 * long.Parse(line.AsSpan(name.Length).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture);
    }

    [LibraryImport("libc")]
    private static partial int malloc_trim(nuint pad);
}
