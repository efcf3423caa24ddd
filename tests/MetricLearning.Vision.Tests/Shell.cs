using System.Diagnostics;

namespace MetricLearning.Vision.Tests;

/// <summary>Runs commands on Unix that create what .NET cannot: named pipes, and names that are not UTF-8.</summary>
internal static class Shell
{
    /// <summary>Runs a command of /bin/sh; <c>$0</c> in it is the argument.</summary>
    public static void Run(string command, string argument)
    {
        using var shell = Process.Start("/bin/sh", ["-c", command, argument]);
        shell.WaitForExit();
        Assert.Equal(0, shell.ExitCode);
    }
}
