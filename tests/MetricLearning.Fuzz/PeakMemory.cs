using System.Globalization;

namespace MetricLearning.Fuzz;

/// <summary>Measures the peak memory of this process, managed and native (only on Linux; elsewhere always 0).</summary>
internal static class PeakMemory
{
    /// <summary>Returns the present memory, and resets the peak.</summary>
    public static long Begin()
    {
        if (!OperatingSystem.IsLinux()) return 0;
        File.WriteAllText("/proc/self/clear_refs", "5");
        return Read("VmRSS:");
    }

    /// <summary>The difference of the peak and the value that <see cref="Begin"/> returned.</summary>
    public static long Since(long begin) => OperatingSystem.IsLinux() ? Read("VmHWM:") - begin : 0;

    private static long Read(string name)
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(name, StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
