using System.Reflection;
using System.Text.RegularExpressions;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that every public constructor and every settable property refuses values that look wrong, unless its documentation allows
/// them, and names the setting. Such values are null, NaN, infinities, negative whole numbers and undefined enum values. Zero and empty
/// text may be right or wrong: they are accepted, or refused in the same way.</summary>
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
            && !Examples.IsCopy(constructor)))
            foreach (var (parameter, place) in constructor.GetParameters().Select((parameter, place) => (parameter, place)))
                foreach (var value in Values(parameter.ParameterType, () => nullability.Create(parameter).WriteState))
                    Check(parameter.Name!, value, () =>
                    {
                        var arguments = Examples.Arguments(constructor);
                        arguments[place] = value.Value;
                        (constructor.Invoke(arguments) as IDisposable)?.Dispose();
                    });
        foreach (var factory in Factories(type))
            foreach (var (parameter, place) in factory.GetParameters().Select((parameter, place) => (parameter, place)))
                foreach (var value in Values(parameter.ParameterType, () => nullability.Create(parameter).WriteState))
                    Check(parameter.Name!, value, () =>
                    {
                        var arguments = Examples.Arguments(factory);
                        arguments[place] = value.Value;
                        (factory.Invoke(null, arguments) as IDisposable)?.Dispose();
                    });
        var properties = type.GetProperties().Where(property => property.SetMethod is { IsPublic: true, IsStatic: false }
            && property.GetIndexParameters().Length == 0 && PublicTypes.Libraries.Contains(property.DeclaringType!.Assembly)).ToList();
        foreach (var property in properties)
            foreach (var value in Values(property.PropertyType, () => nullability.Create(property).WriteState))
                Check(property.Name, value, () =>
                {
                    var instance = Examples.Make(type);
                    try { property.SetValue(instance, value.Value); }
                    finally { (instance as IDisposable)?.Dispose(); }
                });
        Faults.None(faults);

        void Check(string setting, (object? Value, bool IsWrong) given, Action set)
        {
            var label = $"{type.Name}.{setting} = {Text(given.Value)}";
            var isAllowed = allowed.ContainsKey(label);
            using var scope = NewDisposeScope();
            try
            {
                set();
                if (given.IsWrong && !isAllowed) faults.Add($"{label} is taken");
            }
            catch (TargetInvocationException thrown) when (thrown.InnerException is ArgumentException refused && !isAllowed)
            {
                if (refused.ParamName is { } named && !Regex.IsMatch(named, @"^\w+$"))
                    faults.Add($"{label} is refused as the parameter '{named}'");
                // A name such as "k" is in nearly every message, but not as a word.
                if (!Regex.IsMatch(refused.Message, $@"\b{Regex.Escape(setting)}\b", RegexOptions.IgnoreCase))
                    faults.Add($"{label} is refused without the setting's name: {refused.Message}");
            }
            catch (TargetInvocationException thrown) when (thrown.InnerException is FileNotFoundException && !given.IsWrong)
            {
                // The value is accepted: the files of the example do not exist.
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
    internal static bool CanBeRefused(ConstructorInfo constructor) => !Examples.IsCopy(constructor) && constructor.GetParameters()
        .Any(parameter => WrongValues(parameter.ParameterType, () => nullability.Create(parameter).WriteState).Count > 0);

    /// <summary>The static methods of a type that make one of its objects from numbers and enums.</summary>
    private static IEnumerable<MethodInfo> Factories(Type type) => type
        .GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)
        .Where(method => method.ReturnType == type && !method.IsSpecialName && method.GetParameters()
            .All(parameter => (Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType) is var given
                && (given.IsEnum || given.IsPrimitive)));

    /// <summary>The values to try: those that are wrong, and those that may be right.</summary>
    private static IEnumerable<(object? Value, bool IsWrong)> Values(Type declared, Func<NullabilityState> state)
    {
        var type = Nullable.GetUnderlyingType(declared) ?? declared;
        object[] doubtful = type == typeof(string) ? [""]
            : type == typeof(double) || type == typeof(float) || type == typeof(int) || type == typeof(long) || type == typeof(TimeSpan)
            ? [Activator.CreateInstance(type)!] : [];
        return WrongValues(declared, state).Select(value => (value, true)).Concat(doubtful.Select(value => ((object?)value, false)));
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

    private static string Text(object? value) => value switch
    {
        null => "null",
        double[] or float[] => "[NaN]",
        Enum => "undefined",
        IFormattable number => number.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };
}
