using System.Text.RegularExpressions;
using MetricLearning.Testing;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that docs/architecture.md lists the folders of each library in an order in which each folder uses only earlier
/// ones.</summary>
public partial class ArchitecturePageTests
{
    private static readonly string page = Repository.Read("docs", "architecture.md");

    [Theory, MemberData(nameof(FolderCycleTests.Projects), MemberType = typeof(FolderCycleTests))]
    public void Folders_AreListed_AndUseOnlyThoseListedBefore(string project)
    {
        var start = page.IndexOf($"### `{project}`", StringComparison.Ordinal);
        Assert.True(start >= 0, $"docs/architecture.md has no section for {project}");
        var next = page.IndexOf("\n#", start + 1, StringComparison.Ordinal);
        var listed = Row().Matches(page[start..(next < 0 ? page.Length : next)]).Select(match => match.Groups[1].Value).ToList();
        var folders = Directory.GetDirectories(Path.Combine(Repository.Root, "src", project)).Select(folder => Path.GetFileName(folder))
            .Where(name => Directory.GetFiles(Path.Combine(Repository.Root, "src", project, name), "*.cs",
                SearchOption.AllDirectories).Length > 0)
            .Except(["bin", "obj", "buildTransitive"]).ToList();
        Assert.Empty(folders.Except(listed));
        Assert.Empty(listed.Except(folders));
        Faults.None(FolderCycleTests.Graph(project).Edges()
            .Where(edge => listed.Contains(edge.From) && listed.IndexOf(edge.From) < listed.IndexOf(edge.To))
            .Select(edge => $"{edge.From} uses {edge.To}, which the page lists after it"));
    }

    [GeneratedRegex(@"^\| `(\w+)/`", RegexOptions.Multiline)]
    private static partial Regex Row();
}
