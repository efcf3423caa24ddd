using System.Globalization;
using System.Reflection;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that docs/losses.md lists every loss, miner, distance, reducer, regularizer and wrapper with its source, and that all
/// names in it exist.</summary>
public class LossesPageTests
{
    private static readonly Page page = Page.Read("docs", "losses.md");

    private static readonly Type[] exported = typeof(MetricLoss).Assembly.GetExportedTypes();

    [Fact]
    public void Losses_AreAllListed()
    {
        var modules = exported.Where(type => typeof(nn.Module).IsAssignableFrom(type) && !type.IsAbstract
            && (type.IsSubclassOf(typeof(MetricLoss)) || type.Name.EndsWith("Loss", StringComparison.Ordinal) || type == typeof(LossSum)));
        string[] wrappers = ["SelfSupervisedLoss", "MatryoshkaLoss", "CrossBatchMemory", "GradientCache"];
        Same(modules.Select(type => type.Name).Except(wrappers), Listed("Losses"));
        Same(wrappers, Listed("Wrappers"));
    }

    [Fact]
    public void Miners_AreAllListed() => Same(
        exported.Where(type => type.IsSubclassOf(typeof(Miner)) && !type.IsAbstract).Select(type => type.Name).Append("HardClusters")
            .Append("Miner.All"),
        page.Rows("Miners").Select(First));

    [Fact]
    public void Distances_AreAllListed() => Same(Made(typeof(Distance)).Append(".Normalized"), page.Rows("Distances").Select(First));

    [Fact]
    public void Reducers_AreAllListed() => Same(Made(typeof(Reducer)), page.Rows("Reducers").Select(First));

    [Fact]
    public void Regularizers_AreAllListed() => Same(Made(typeof(Regularizer)), page.Rows("Regularizers").Select(First));

    [Theory, InlineData("Losses", 5), InlineData("Miners", 4), InlineData("Distances", 3), InlineData("Reducers", 3),
        InlineData("Regularizers", 3),
        InlineData("Wrappers", 3)]
    public void EveryRow_IsFilled_TheSourceToo(string heading, int columns)
    {
        var (head, rows) = Assert.Single(page.Tables(heading));
        Assert.Contains("source", head);
        Assert.All(rows, row =>
        {
            Assert.Equal(columns, row.Length);
            Assert.DoesNotContain("", row);
        });
    }

    [Fact]
    public void EveryName_IsOfTheLibrary() =>
        Assert.Empty(page.Tables().SelectMany(table => table.Rows).SelectMany(row => row.Where((_, column) => column != 1))
            .SelectMany(Page.Code)
            .Where(code => !code.Contains('=', StringComparison.Ordinal) || code.Contains("new ", StringComparison.Ordinal))
            .SelectMany(CodeNames.Unknown).Except(["ArgumentException"]));

    /// <summary>Each loss has a section of its own with a formula, code that makes the loss, its defaults and its source.</summary>
    [Fact]
    public void EveryLoss_HasASection() => Assert.Empty(
        from name in Listed("Losses").Distinct()
        let section = page.Section($"#### `{name}`")
        from part in new[] { "```text", "```csharp", $"{name}", "- **Defaults**: ", "- **Source**: " }
        where !section.Skip(1).Any(line => line.Contains(part, StringComparison.Ordinal))
        select $"{name} lacks {part}");

    /// <summary>The section of a loss lists the default numbers of its constructor, except 0, in the unit of the constructor.</summary>
    [Fact]
    public void Defaults_AreThoseOfTheConstructors()
    {
        var wrong = new List<string>();
        foreach (var type in exported.Where(type => Listed("Losses").Contains(type.Name)))
        {
            var defaults = page.Section($"#### `{type.Name}`")
                .First(line => line.StartsWith("- **Defaults**", StringComparison.Ordinal));
            foreach (var parameter in type.GetConstructors().SelectMany(constructor => constructor.GetParameters())
                .Where(p => p.HasDefaultValue))
            {
                if (parameter.DefaultValue is not (double or int)) continue;
                var value = Convert.ToDouble(parameter.DefaultValue, CultureInfo.InvariantCulture);
                if (value != 0 && !defaults.Replace('−', '-').Contains(value.ToString(CultureInfo.InvariantCulture),
                    StringComparison.Ordinal))
                    wrong.Add($"{type.Name}: {parameter.Name} = {value}, the page has {defaults}");
            }
        }
        Assert.Empty(wrong);
    }

    private static void Same(IEnumerable<string> there, IEnumerable<string> listed)
    {
        var (names, rows) = (there.Distinct().Order(StringComparer.Ordinal).ToList(), listed.Distinct().Order(StringComparer.Ordinal)
            .ToList());
        Assert.Empty(names.Except(rows));
        Assert.Empty(rows.Except(names));
    }

    /// <summary>The classes of the rows, without their settings.</summary>
    private static IEnumerable<string> Listed(string heading) => page.Rows(heading).Select(Name).Distinct();

    private static string Name(string[] row) => First(row).Split('.')[0];

    private static string First(string[] row) => Page.Code(row[0]).First().Split('(')[0];

    /// <summary>The public static members that return a value of this type.</summary>
    private static IEnumerable<string> Made(Type type) => type.GetProperties(BindingFlags.Public | BindingFlags.Static)
        .Where(property => property.PropertyType == type).Select(property => $"{type.Name}.{property.Name}")
        .Concat(type.GetMethods(BindingFlags.Public | BindingFlags.Static)
            .Where(method => method.ReturnType == type && !method.IsSpecialName)
            .Select(method => $"{type.Name}.{method.Name}")).Distinct();
}
