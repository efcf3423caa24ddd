using System.Collections.Concurrent;
using MetricLearning.Testing;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that references between sibling folders form no cycle. So each folder can be read without the folders that use
/// it.</summary>
public class FolderCycleTests
{
    private static readonly ConcurrentDictionary<string, Lazy<FolderGraph>> graphs = new(StringComparer.Ordinal);

    public static TheoryData<string> Projects =>
        [.. Directory.GetDirectories(Path.Combine(Repository.Root, "src")).Select(path => Path.GetFileName(path)).Order()];

    [Theory, MemberData(nameof(Projects))]
    public void Folders_HaveNoCycle(string project)
    {
        var graph = Graph(project);
        // Without uses the model has not understood the sources, and it would find no cycle either.
        Assert.True(graph.HasUses);
        Faults.None(graph.Cycles());
    }

    [Theory, InlineData("MetricLearning", "Losses", "Distances"), InlineData("MetricLearning.Vision", "Loading", "Transforms")]
    public void KnownUses_AreFound(string project, string from, string to) => Assert.Contains((from, to), Graph(project).Edges());

    [Fact]
    public void APlantedCycle_IsNamed()
    {
        var sources = new Dictionary<string, string>
        {
            ["Low/Ground.cs"] = "namespace N; class Ground { void Use() => Roof.Build(); }",
            ["Middle/Wall.cs"] = "namespace N; class Wall : Ground { }",
            ["High/Roof.cs"] = "namespace N; class Roof { public static void Build() => _ = new Wall(); }",
        };
        var cycle = FolderGraph.Of(sources).Cycles().First();
        Assert.Contains("Low/Ground.cs uses Roof", cycle, StringComparison.Ordinal);
        Assert.Contains("Middle/Wall.cs uses Ground", cycle, StringComparison.Ordinal);
        Assert.Contains("High/Roof.cs uses Wall", cycle, StringComparison.Ordinal);
    }

    /// <summary>The graph of a project's folders, found once for all tests.</summary>
    internal static FolderGraph Graph(string project) => graphs.GetOrAdd(project, name => new(() => FolderGraph.Of(Sources(name)))).Value;

    /// <summary>The sources of a project with the usings that its build adds.</summary>
    private static Dictionary<string, string> Sources(string project)
    {
        const string usings =
            "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq;"
            + " global using System.Threading; global using System.Threading.Tasks; global using static MetricLearning.Scalars;";
        var folder = Path.Combine(Repository.Root, "src", project);
        var sources = Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/'))
            .Where(file => !file.StartsWith("obj/", StringComparison.Ordinal) && !file.StartsWith("bin/", StringComparison.Ordinal))
            .ToDictionary(file => file, file => File.ReadAllText(Path.Combine(folder, file)));
        sources["GlobalUsings.cs"] = usings;
        return sources;
    }
}
