using System.Text.RegularExpressions;
using MetricLearning.Testing;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that each web program of the samples and the templates starts its server by <c>Listening.StartAsync</c>, so that it names
/// an address at which it cannot listen.</summary>
public partial class WebProgramTests
{
    private static readonly string[] folders = ["samples", "templates"];

    private static readonly string listening = Path.Combine(Repository.Root, "samples", "Shared", "Web", "Listening.cs");

    [Fact]
    public void WebPrograms_NameTheAddress()
    {
        var programs = Programs().Where(file => Path.GetFileName(file) == "Program.cs"
            && Directory.GetFiles(Path.GetDirectoryName(file)!, "*.cs", SearchOption.AllDirectories).Any(BuildsServer)).ToList();
        Assert.Equal(4, programs.Count);
        Faults.None(from file in programs
            where !File.ReadAllText(file).Contains("Listening.StartAsync(app, ", StringComparison.Ordinal)
            select $"{Path.GetRelativePath(Repository.Root, file)} does not start its server by Listening.StartAsync");
        Faults.None(from file in Programs()
            where file != listening && Start().IsMatch(File.ReadAllText(file))
            select $"{Path.GetRelativePath(Repository.Root, file)} starts a server, but not by Listening.StartAsync");
    }

    private static bool BuildsServer(string file) =>
        Regex.IsMatch(File.ReadAllText(file), @"WebApplication\.Create\w*Builder|LocalServer\.Builder");

    private static IEnumerable<string> Programs() => folders
        .SelectMany(folder => Directory.GetFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories))
        .Where(file => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin"));

    [GeneratedRegex(@"\bapp\.(Run|Start)(Async)?\(")]
    private static partial Regex Start();
}
