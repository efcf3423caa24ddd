using System.Diagnostics;

namespace MetricLearning.Benchmarks;

/// <summary>This program, started again in another process.</summary>
internal static class OwnProgram
{
    /// <summary>How to start it with these arguments.</summary>
    public static ProcessStartInfo With(params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!);
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(OwnProgram).Assembly.Location);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        return start;
    }
}
