using System.Diagnostics;

namespace MetricLearning.Benchmarks;

/// <summary>Programs that keep one processor each busy until they are disposed.</summary>
internal sealed class BusyNeighbors : IDisposable
{
    /// <summary>The hidden option that makes a process of this program a neighbor.</summary>
    public const string Option = "--busy-neighbor";

    private static readonly TimeSpan settling = TimeSpan.FromSeconds(1);

    private readonly List<Process> neighbors = [];

    public BusyNeighbors(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var start = OwnProgram.With(Option);
            start.RedirectStandardInput = true;
            neighbors.Add(Process.Start(start)!);
        }
        Thread.Sleep(settling);     // .NET's own start uses more than one processor
    }

    /// <summary>Computes in this process until its standard input ends, so no neighbor outlives the program that started it.</summary>
    /// <returns>The exit code.</returns>
    public static int Run()
    {
        var work = new Thread(() => { while (true) Thread.SpinWait(1_000_000); }) { IsBackground = true };
        work.Start();
        while (Console.In.Read() >= 0) { }
        return 0;
    }

    public void Dispose()
    {
        foreach (var neighbor in neighbors)
        {
            neighbor.StandardInput.Close();
            neighbor.WaitForExit();
            neighbor.Dispose();
        }
    }
}
