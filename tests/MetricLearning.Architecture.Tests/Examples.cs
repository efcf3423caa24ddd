using System.Reflection;
using static TorchSharp.torch;

namespace MetricLearning.Architecture.Tests;

/// <summary>A valid value for each parameter of a public constructor, so that a test can construct any type and then spoil one argument.</summary>
internal static class Examples
{
    /// <summary>Parameters for which no value of their type alone is valid, by <c>Type.parameter</c>.</summary>
    private static readonly Dictionary<string, Func<object?>> byParameter = new(StringComparer.Ordinal)
    {
    };

    private static readonly Dictionary<Type, Func<object>> byType = new()
    {
        [typeof(double)] = () => 0.5,
        [typeof(float)] = () => 0.5f,
        [typeof(int)] = () => 4,
        [typeof(long)] = () => 4L,
        [typeof(ulong)] = () => 1UL,
        [typeof(bool)] = () => false,
        [typeof(string)] = () => "name",
        [typeof(Tensor)] = () => rand(4, 8),
        [typeof(Distance)] = () => Distance.Euclidean,
        [typeof(Miner)] = () => new BatchHardMiner(),
        [typeof(Reducer)] = () => Reducer.Mean,
        [typeof(TupleLoss)] = () => new TripletLoss(),
        [typeof(MetricLoss)] = () => new TripletLoss(),
        [typeof(nn.Module<Tensor, Tensor>)] = () => nn.Linear(8, 4),
        [typeof(nn.Module)] = () => nn.Linear(8, 4),
        [typeof(Backbone)] = () => new ConvNet4(),
        [typeof(IReadOnlyList<long>)] = () => new long[] { 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3 },
        [typeof(IReadOnlyList<double>)] = () => new[] { 0.5, 0.5, 0.5 },
        [typeof(IReadOnlyList<float>)] = () => new[] { 0.5f, 0.5f, 0.5f },
    };

    /// <summary>Arguments that a constructor takes.</summary>
    public static object?[] Arguments(ConstructorInfo constructor) => [.. constructor.GetParameters().Select(Argument)];

    private static object? Argument(ParameterInfo parameter)
    {
        if (byParameter.TryGetValue($"{parameter.Member.DeclaringType!.Name}.{parameter.Name}", out var make)) return make();
        if (parameter.HasDefaultValue) return Default(parameter);
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        if (byType.TryGetValue(type, out var sample)) return sample();
        if (type.IsEnum) return Enum.GetValues(type).GetValue(0);
        throw new NotSupportedException(
            $"{nameof(Examples)} has no value for {type.Name} {parameter.Member.DeclaringType!.Name}.{parameter.Name}; add one.");
    }

    private static object? Default(ParameterInfo parameter)
    {
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        if (parameter.DefaultValue is null) return parameter.ParameterType.IsValueType && Nullable.GetUnderlyingType(parameter.ParameterType) is null
            ? Activator.CreateInstance(type) : null;
        return type.IsEnum ? Enum.ToObject(type, parameter.DefaultValue) : parameter.DefaultValue;
    }
}
