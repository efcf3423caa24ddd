using System.Text.RegularExpressions;
using MetricLearning.Testing;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that no code that a user reads or copies calls TorchSharp's own <c>step()</c> of an optimizer. A garbage collection may
/// free the scalars of that call while libtorch reads them. The benchmarks' folder <c>Naive</c> may call it: it holds the partners that are
/// measured.</summary>
public partial class SafeStepTests
{
    private static readonly string[] folders = ["src", "samples", "templates", "benchmarks", "docs"];

    [Fact]
    public void CodeForUsers_TakesSafeSteps() => Faults.None(from file in Files()
        from line in UnsafeSteps(File.ReadAllLines(file), page: file.EndsWith(".md", StringComparison.Ordinal))
        select $"{Path.GetRelativePath(Repository.Root, file)}:{line} calls step(): write SafeStep()");

    [Fact]
    public void UnsafeSteps_AreFoundInCodeAlone()
    {
        Assert.Equal([1, 3, 5, 6], UnsafeSteps(
        [
            "optimizer.step();", "optimizer.SafeStep();  // in place of optimizer.step()", "foreach (var own in all) own?.step();",
            "scheduler.step();", "/// optimizer.step();", "adam . step(closure);", "/// In place of <c>optimizer.step()</c>.",
            "freeze.Step();",
        ], page: false));
        Assert.Equal([3], UnsafeSteps(["`optimizer.step()`", "```csharp", "optimizer.step();", "```", "optimizer.step();"], page: true));
        Assert.Contains(Files(), file => file.EndsWith("README.zh-CN.md", StringComparison.Ordinal));
        Assert.All(folders, folder => Assert.Contains(Files(),
            file => file.StartsWith(Path.Combine(Repository.Root, folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal)));
    }

    private static IEnumerable<string> Files() => folders
        .SelectMany(folder => Directory.GetFiles(Path.Combine(Repository.Root, folder), "*", SearchOption.AllDirectories))
        .Concat(Directory.GetFiles(Repository.Root, "*.md"))
        .Where(file => Path.GetExtension(file) is ".cs" or ".md"
            && !file.Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin" or "Naive"));

    /// <summary>The numbers of the lines, from 1, that call <c>step()</c>. A page has code only in its fenced blocks.</summary>
    private static IEnumerable<int> UnsafeSteps(string[] lines, bool page)
    {
        var code = !page;
        for (var i = 0; i < lines.Length; i++)
        {
            if (page && lines[i].TrimStart().StartsWith("```", StringComparison.Ordinal)) code = !code;
            else if (code && Step().IsMatch(Remark().Replace(lines[i], ""))) yield return i + 1;
        }
    }

    /// <summary>A call of <c>step</c>, but not of a schedule of learning rates.</summary>
    [GeneratedRegex(@"(?<![Ss]chedul\w*)\s*\??\s*\.\s*step\s*\(")]
    private static partial Regex Step();

    /// <summary>Text about code: the end of a line after <c>//</c>, and names in sentences of documentation. The code of an example is not
    /// matched.</summary>
    [GeneratedRegex(@"(?<!/)//(?!/).*|<c>.*?</c>")]
    private static partial Regex Remark();
}
