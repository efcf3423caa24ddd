using System.Globalization;
using System.Reflection;
using MetricLearning.Testing;

namespace MetricLearning.Vision.Tests;

/// <summary>Tests that docs/datasets.md and docs/augmentation.md agree with the code.</summary>
public class VisionDocsTests
{
    [Fact]
    public void Datasets_StandWithTheirCountsLayoutSourceAndTerms()
    {
        var document = Repository.Read("docs", "datasets.md");
        foreach (var dataset in PublishedDataset.All)
        {
            var row = string.Create(CultureInfo.InvariantCulture,
                $"| {dataset.Name} | {Counts(dataset.Train)} | {Counts(dataset.Query)} | {Counts(dataset.Gallery)} | ");
            Assert.Contains(row, document, StringComparison.Ordinal);
            Assert.Contains($"| {dataset.Name} | {dataset.Layout} | {dataset.Terms} | <{dataset.Source}> |", document,
                StringComparison.Ordinal);
        }
        foreach (var reader in Makers(typeof(ReIdDataset))) Assert.Contains(Signature(reader), document, StringComparison.Ordinal);

        static string Counts(PartCounts? counts) => counts?.ToString() ?? "–";
    }

    [Fact]
    public void EveryStep_StandsWithItsDefaults()
    {
        var document = Repository.Read("docs", "augmentation.md");
        var types = typeof(ImageStep).Assembly.GetExportedTypes()
            .Where(type => !type.IsAbstract && (type.IsSubclassOf(typeof(ImageStep)) || type.IsSubclassOf(typeof(BatchMixing)))).ToArray();
        Assert.True(types.Length >= 20);
        var missing = types
            .SelectMany(type => type.GetConstructors().Cast<MethodBase>().Concat(Makers(type)))
            .Select(Signature).Where(signature => !document.Contains(signature, StringComparison.Ordinal)).ToArray();
        Assert.Empty(missing);
    }

    private static IEnumerable<MethodInfo> Makers(Type type) => type.GetMethods(BindingFlags.Public | BindingFlags.Static)
        .Where(method => method.ReturnType == type && !method.IsSpecialName);

    private static string Signature(MethodBase method)
    {
        var name = method.DeclaringType!.Name + (method.IsConstructor ? "" : $".{method.Name}");
        return $"`{name}({string.Join(", ", method.GetParameters().Select(Parameter))})`";
    }

    private static string Parameter(ParameterInfo parameter)
    {
        if (!parameter.HasDefaultValue) return parameter.Name!;
        var value = parameter.DefaultValue;
        var text = value switch
        {
            null => parameter.ParameterType.IsValueType ? "default" : "null",
            bool yes => yes ? "true" : "false",
            Enum name => name.ToString(),
            _ => Convert.ToString(value, CultureInfo.InvariantCulture),
        };
        return $"{parameter.Name} = {text}";
    }
}
