using System.Reflection;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that every public constructor and every settable property refuses values that look wrong, unless its documentation allows
/// them, and names the setting. Such values are null, NaN, infinities, negative whole numbers and undefined enum values.</summary>
public class SettingTests
{
    /// <summary>Values that a setting accepts although they look wrong, each with the reason that its documentation gives.</summary>
    private static readonly Dictionary<string, string> allowed = new(StringComparer.Ordinal)
    {
        ["ImageSample.Identity = -1"] = "junk",
        ["RetrievalProtocol.JunkIdentity = -1"] = "an identity is any 64-bit number",
        ["RetrievalProtocol.JunkIdentity = -9223372036854775808"] = "an identity is any 64-bit number",
        ["RowLabels.Identity = -1"] = "an identity is any 64-bit number",
        ["RowLabels.Identity = -9223372036854775808"] = "an identity is any 64-bit number",
        ["RowLabels.Camera = -1"] = "a camera is any 64-bit number",
        ["RowLabels.Camera = -9223372036854775808"] = "a camera is any 64-bit number",
        ["SearchQuery.Identity = -1"] = "an identity is any 64-bit number",
        ["SearchQuery.Identity = -9223372036854775808"] = "an identity is any 64-bit number",
        ["SearchQuery.Camera = -1"] = "a camera is any 64-bit number",
        ["SearchQuery.Camera = -9223372036854775808"] = "a camera is any 64-bit number",
    };

    /// <summary>Types that hold measured or computed values. They have no settings, so NaN and negative numbers are data.</summary>
    internal static readonly IReadOnlySet<Type> Results = new HashSet<Type>
    {
        typeof(RocPoint), typeof(RankedList), typeof(ShapeMismatch), typeof(WeightReport), typeof(WeightSection),
        typeof(OperatingPoint), typeof(BadImage), typeof(LayerSummary), typeof(ClusterTuples),
        typeof(ImageListStatistics), typeof(ExtractionProgress), typeof(LossReport), typeof(LossSumResult), typeof(LossPart),
        typeof(PartOutput), typeof(ModelOutput), typeof(RetrievalItem), typeof(PartCounts),
        typeof(ConfidenceInterval), typeof(LossTerm), typeof(PairedTest), typeof(AccuracyCalculatorFigures),
        typeof(Search.MatchVerdict), typeof(Search.LabelledPair), typeof(Search.SearchRecall), typeof(GraphValue),
        typeof(HardNegative),
    };

    private static readonly NullabilityInfoContext nullability = new();

    public static TheoryData<string> Types => [.. PublicTypes.Constructible.Except(Results).Select(type => type.FullName!)];

    [Theory, MemberData(nameof(Types))]
    public void EverySetting_IsChecked(string name)
    {
        var type = PublicTypes.Named(name);
        var faults = new List<string>();
        foreach (var constructor in type.GetConstructors().Where(constructor => constructor.GetParameters().Length > 0
            && !IsCopy(constructor)))
            foreach (var (parameter, place) in constructor.GetParameters().Select((parameter, place) => (parameter, place)))
                foreach (var wrong in WrongValues(parameter.ParameterType, () => nullability.Create(parameter).WriteState))
                    Check(parameter.Name!, wrong, () =>
                    {
                        var arguments = Examples.Arguments(constructor);
                        arguments[place] = wrong;
                        (constructor.Invoke(arguments) as IDisposable)?.Dispose();
                    });
        var properties = type.GetProperties().Where(property => property.SetMethod is { IsPublic: true, IsStatic: false }
            && property.GetIndexParameters().Length == 0 && PublicTypes.Libraries.Contains(property.DeclaringType!.Assembly)).ToList();
        foreach (var property in properties)
            foreach (var wrong in WrongValues(property.PropertyType, () => nullability.Create(property).WriteState))
                Check(property.Name, wrong, () =>
                {
                    var instance = Make(type);
                    try { property.SetValue(instance, wrong); }
                    finally { (instance as IDisposable)?.Dispose(); }
                });
        Faults.None(faults);

        void Check(string setting, object? wrong, Action set)
        {
            var label = $"{type.Name}.{setting} = {Text(wrong)}";
            if (allowed.ContainsKey(label)) return;
            using var scope = NewDisposeScope();
            try
            {
                set();
                faults.Add($"{label} is taken");
            }
            catch (TargetInvocationException thrown) when (thrown.InnerException is ArgumentException refused)
            {
                if (!refused.Message.Contains(setting, StringComparison.OrdinalIgnoreCase))
                    faults.Add($"{label} is refused without the setting's name: {refused.Message}");
            }
            catch (TargetInvocationException thrown)
            {
                faults.Add($"{label} throws {thrown.InnerException!.GetType().Name}: {thrown.InnerException.Message}");
            }
        }
    }

    [Fact]
    public void EveryAllowedValue_IsOfASettingThatExists()
    {
        var names = PublicTypes.All.SelectMany(type => type.GetProperties().Select(property => $"{type.Name}.{property.Name}")
            .Concat(type.GetConstructors().SelectMany(constructor => constructor.GetParameters()).Select(p => $"{type.Name}.{p.Name}")));
        Assert.Empty(allowed.Keys.Select(key => key.Split(' ')[0]).Except(names));
    }

    /// <summary>Whether a constructor has a parameter for which some value is wrong.</summary>
    internal static bool CanBeRefused(ConstructorInfo constructor) => !IsCopy(constructor) && constructor.GetParameters()
        .Any(parameter => WrongValues(parameter.ParameterType, () => nullability.Create(parameter).WriteState).Count > 0);

    private static object Make(Type type)
    {
        var constructor = type.GetConstructors().Where(constructor => !IsCopy(constructor))
            .MinBy(constructor => constructor.GetParameters().Length)!;
        return constructor.Invoke(Examples.Arguments(constructor));
    }

    /// <summary>The values that no setting of a type accepts unless its documentation says so.</summary>
    private static List<object?> WrongValues(Type declared, Func<NullabilityState> state)
    {
        var type = Nullable.GetUnderlyingType(declared) ?? declared;
        if (type == typeof(double)) return [double.NaN, double.PositiveInfinity, double.NegativeInfinity];
        if (type == typeof(float)) return [float.NaN, float.PositiveInfinity, float.NegativeInfinity];
        if (type == typeof(int)) return [-1, int.MinValue];
        if (type == typeof(long)) return [-1L, long.MinValue];
        if (type == typeof(TimeSpan)) return [TimeSpan.FromSeconds(-1)];
        if (type.IsEnum) return [Enum.ToObject(type, 99)];
        if (type.IsValueType) return [];
        var wrong = new List<object?>();
        if (state() == NullabilityState.NotNull) wrong.Add(null);
        if (declared.IsAssignableFrom(typeof(double[])) && declared != typeof(object)) wrong.Add(
            new[] { double.NaN, double.NaN, double.NaN });
        if (declared.IsAssignableFrom(typeof(float[])) && declared != typeof(object)) wrong.Add(new[] { float.NaN, float.NaN, float.NaN });
        return wrong;
    }

    private static bool IsCopy(ConstructorInfo constructor) =>
        constructor.GetParameters() is [var only] && only.ParameterType == constructor.DeclaringType;

    private static string Text(object? value) => value switch
    {
        null => "null",
        double[] or float[] => "[NaN]",
        Enum => "undefined",
        IFormattable number => number.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };
}
