namespace MetricLearning.Tests;

/// <summary>Tests that docs/samplers.md lists every sampler and dialect with its source.</summary>
public class SamplersPageTests
{
    private static readonly Page page = Page.Read("docs", "samplers.md");

    [Fact]
    public void EverySampler_AndEveryDialect_IsListed()
    {
        var names = page.Tables().SelectMany(table => table.Rows).SelectMany(row => row).SelectMany(Page.Code).ToHashSet();
        var samplers = typeof(Sampler).Assembly.GetExportedTypes().Where(type => type.IsSubclassOf(typeof(Sampler)) && !type.IsAbstract);
        Assert.All(samplers.Where(type => type != typeof(IdentitySampler)), type => Assert.Contains(type.Name, names));
        Assert.All(typeof(IdentitySampler).GetMethods().Where(method => method is { IsStatic: true, IsPublic: true }
            && method.ReturnType == typeof(IdentitySampler)),
            method => Assert.Contains($"IdentitySampler.{method.Name}", names));
    }

    [Fact]
    public void EveryRow_IsFilled_TheSourceToo() =>
        Assert.All(page.Tables().SelectMany(table => table.Rows), row => Assert.DoesNotContain("", row));

    [Theory]
    [InlineData("RandomIdentitySampler"), InlineData("RandomDomainSampler"), InlineData("RandomDatasetSampler"),
        InlineData("NaiveIdentitySampler")]
    [InlineData("BalancedIdentitySampler"), InlineData("SetReWeightSampler"), InlineData("MPerClassSampler"),
        InlineData("HierarchicalSampler")]
    [InlineData("FixedSetOfTriplets"), InlineData("TuplesToWeightsSampler"), InlineData("BalanceSampler"),
        InlineData("CategoryBalanceSampler")]
    [InlineData("DistinctCategoryBalanceSampler"), InlineData("MultiShotMemorySampler"), InlineData("GroupByLabelBatchSampler"),
        InlineData("GraphSampler")]
    public void EveryPublishedSampler_HasARow(string name) =>
        Assert.Contains(page.Tables().SelectMany(table => table.Rows), row =>
            row.Any(cell => cell.Contains(name, StringComparison.Ordinal)));

    [Fact]
    public void EveryName_IsOfTheLibrary() =>
        Assert.Empty(page.Tables().Skip(1)
            .SelectMany(table => table.Rows.SelectMany(row => Page.Code(row[table.Head is ["system", ..] ? 1 : 0])))
            .SelectMany(CodeNames.Unknown));
}
