using System.Reflection;

namespace MetricLearning.Architecture.Tests;

/// <summary>The public types of the libraries. The rules in this project run over all types that are not nested in others, so they also
/// check each new type.</summary>
internal static class PublicTypes
{
    public static IReadOnlyList<Assembly> Libraries { get; } =
    [
        typeof(MetricLoss).Assembly, typeof(Vision.ImageList).Assembly, typeof(Search.RowLabels).Assembly,
        typeof(Search.SqliteVectorStore).Assembly, typeof(Search.PostgresVectorStore).Assembly, typeof(Onnx.OnnxFile).Assembly,
        typeof(Onnx.Runtime.OnnxEmbedder).Assembly,
    ];

    public static IReadOnlyList<Type> All { get; } = [.. Libraries.SelectMany(library => library.GetExportedTypes())
        .Where(type => !type.IsNested).OrderBy(type => type.FullName, StringComparer.Ordinal)];

    /// <summary>The classes and structs that a user constructs. They have settings.</summary>
    public static IEnumerable<Type> Constructible => All.Where(type => !type.IsAbstract && !type.IsEnum && !type.IsInterface
        && !type.IsSubclassOf(typeof(Delegate)) && !type.ContainsGenericParameters && type.GetConstructors().Length > 0);

    public static Type Named(string name) => All.Single(type => type.FullName == name);
}
