using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>Reads the attributes or the definition of a record type, and refuses types that the stores do not support.</summary>
internal sealed class RecordModelBuilder() : CollectionModelBuilder(new CollectionModelBuildingOptions
{
    RequiresAtLeastOneVector = false,
    SupportsMultipleVectors = true,
})
{
    private static readonly Type[] keyTypes = [typeof(string), typeof(int), typeof(long), typeof(ulong), typeof(Guid)];

    private static readonly Type[] vectorTypes = [typeof(ReadOnlyMemory<float>), typeof(float[]), typeof(Embedding<float>)];

    /// <summary>Whether a property of this type holds a vector, possibly null.</summary>
    public static bool IsVector(Type type) => vectorTypes.Contains(Nullable.GetUnderlyingType(type) ?? type);

    protected override void ValidateKeyProperty(KeyPropertyModel keyProperty)
    {
        base.ValidateKeyProperty(keyProperty);
        if (!keyTypes.Contains(keyProperty.Type))
            throw new NotSupportedException($"The key '{keyProperty.ModelName}' has the type {keyProperty.Type.Name}, which is not one of "
                + $"{Names(keyTypes)}.");
    }

    protected override bool IsDataPropertyTypeValid(Type type, [NotNullWhen(false)] out string? supportedTypes)
    {
        supportedTypes = RecordValues.TypeNames;
        return RecordValues.Has(type);
    }

    protected override bool IsVectorPropertyTypeValid(Type type, [NotNullWhen(false)] out string? supportedTypes)
    {
        supportedTypes = "ReadOnlyMemory<float>, float[], Embedding<float>";
        return IsVector(type);
    }

    private static string Names(IEnumerable<Type> types) => string.Join(", ", types.Select(type => type.Name));
}
