using System.Diagnostics;
using System.Globalization;
using TorchSharp;

namespace MetricLearning.Fuzz;

/// <summary>Reads one file and judges the result.</summary>
internal static class Trial
{
    private const int LongestMessage = 4096;
    private const long Slack = 64 << 20, MemoryPerByte = 4;

    private static readonly TimeSpan longest = TimeSpan.FromSeconds(5);

    /// <summary>Describes the fault of the reader; null if it has none. <paramref name="refused"/> says whether it refused the
    /// file.</summary>
    public static string? Run(Target target, byte[] bytes, out bool refused)
    {
        File.WriteAllBytes(target.Path, bytes);
        var fault = Once(target, bytes.Length, out refused, out var isMeasured);
        // Another program may have used the time, and the garbage collector the memory. So both are judged by the better of two runs.
        return fault is not null && isMeasured ? Once(target, bytes.Length, out refused, out _) : fault;
    }

    private static string? Once(Target target, long length, out bool refused, out bool isMeasured)
    {
        (refused, isMeasured) = (false, false);
        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var (memory, allocated, watch) = (PeakMemory.Begin(), GC.GetTotalAllocatedBytes(), Stopwatch.StartNew());
        string? fault = null;
        try
        {
            target.Read(target.Path);
        }
#pragma warning disable CA1031 // Each exception is judged.
        catch (Exception e)
#pragma warning restore CA1031
        {
            refused = true;
            fault = FaultOf(e, target);
        }
        var (seconds, grown) = (watch.Elapsed, Math.Max(PeakMemory.Since(memory), 0));
        allocated = GC.GetTotalAllocatedBytes() - allocated;
        if (fault is not null) return fault;
        if (DisposeScopeManager.Statistics.ThreadTotalLiveCount is var left && left != live) return $"{left - live} tensors are left alive";
        isMeasured = true;
        var most = Slack + target.Growth + MemoryPerByte * length;
        if (seconds > longest) return $"took {seconds}";
        if (grown > most) return string.Create(CultureInfo.InvariantCulture, $"took {grown:N0} bytes of memory, {most:N0} are allowed");
        return allocated <= most ? null
            : string.Create(CultureInfo.InvariantCulture, $"allocated {allocated:N0} managed bytes, {most:N0} are allowed");
    }

    private static string? FaultOf(Exception e, Target target)
    {
        if (e.GetType() != typeof(InvalidDataException) && !(target.NamesFiles && e is FileNotFoundException))
            return $"threw {e}";
        if (!e.Message.Contains(target.Place, StringComparison.Ordinal)) return $"names no path: {e.Message}";
        if (e.Message.Any(char.IsControl)) return $"has control characters in its message: {Uri.EscapeDataString(e.Message)}";
        return e.Message.Length <= LongestMessage ? null : $"has a message of {e.Message.Length} characters";
    }
}
