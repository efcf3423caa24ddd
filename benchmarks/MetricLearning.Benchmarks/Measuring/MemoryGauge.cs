using System.Globalization;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>The memory of one call of a way.</summary>
/// <param name="PeakBytes"> How far the process's resident memory rose above where it was, at its highest: libtorch's tensors, its scratch
/// memory and the managed heap. Null where the system does not tell (it takes Linux). A GPU's own memory is not in it. </param>
/// <param name="ManagedBytes">What was allocated on the managed heap.</param>
internal readonly record struct MemoryUse(long? PeakBytes, long ManagedBytes);

/// <summary>Measures memory in a run of its own, which is not timed.</summary>
/// <remarks>
/// The peak is Linux's own high-water mark of resident memory (VmHWM in /proc/self/status), which writing 5 to /proc/self/clear_refs sets
/// back to what is resident now. Freed memory that the C library still holds would hide allocations from it, so it is given back first
/// (malloc_trim).
/// </remarks>
internal static partial class MemoryGauge
{
    /// <summary>The memory of a call; of more than the way needs again where it has not run before, and makes what it keeps.</summary>
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

    /// <summary>Frees the results of a way.</summary>
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
