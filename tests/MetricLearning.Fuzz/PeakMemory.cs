using System.Globalization;

namespace MetricLearning.Fuzz;

/// <summary>The most memory that this process has had, managed and native (Linux; elsewhere always 0).</summary>
internal static class PeakMemory
{
    /// <summary>The memory now. The peak begins anew.</summary>
    public static long Begin()
    {
        if (!OperatingSystem.IsLinux()) return 0;
        File.WriteAllText("/proc/self/clear_refs", "5");
        return Read("VmRSS:");
    }

    /// <summary>By how much the peak is above what <see cref="Begin"/> gave.</summary>
    public static long Since(long begin) => OperatingSystem.IsLinux() ? Read("VmHWM:") - begin : 0;

    private static long Read(string name)
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(name, StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
