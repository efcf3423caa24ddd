using System.Diagnostics;

namespace MetricLearning.Search.Tests;

/// <summary>Runs scripts in processes of their own.</summary>
internal static class Shell
{
    /// <summary>The command that runs the indexer.</summary>
    public static string Indexer(string arguments) =>
        $"dotnet {Path.Combine(AppContext.BaseDirectory, "MetricLearning.Search.Indexer.dll")} {arguments}";

    /// <summary>Runs a script that must succeed, and reports what it printed.</summary>
    public static async Task PassesAsync(string script, params string[] shell)
    {
        var (code, said) = await RunAsync(script, shell);
        Assert.True(code == 0, said);
        TestContext.Current.TestOutputHelper!.WriteLine(said);
    }

    /// <summary>Skips the test if a process may not mount a disk for itself alone.</summary>
    public static async Task SkipUnlessItMountsAsync(string mount)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && await RunAsync("true", "unshare", "-rm", "sh", "-c") is (0, _),
            "this system does not let a process mount a disk of its own");
        Assert.SkipUnless(await RunAsync(mount, "unshare", "-rm", "sh", "-ec") is (0, _), $"this system does not run: {mount}");
    }

    /// <summary>Runs a script, and returns its exit code and what it printed.</summary>
    private static async Task<(int Code, string Said)> RunAsync(string script, params string[] shell)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(shell[0], [.. shell[1..], script])
            {
                RedirectStandardError = true, RedirectStandardOutput = true,
                // By default the .NET runtime keeps compiled code in a file in memory, which the limit on the size of files would not
                // allow.
                Environment = { ["DOTNET_EnableWriteXorExecute"] = "0" },
            })!;
            var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            var errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return (process.ExitCode, errors + await output);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (-1, e.Message);     // there is no such program
        }
    }
}
