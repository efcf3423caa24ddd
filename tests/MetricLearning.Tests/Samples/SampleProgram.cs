using System.Diagnostics;

namespace MetricLearning.Tests;

/// <summary>Runs a sample as a user does: with arguments, files and an exit code.</summary>
internal static class SampleProgram
{
    public static (int Code, string Output, string Error) Run(string sample, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, $"{sample}.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
