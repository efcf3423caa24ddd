using System.Reflection;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that every public method and constructor refuses an argument that does not fit by an exception that names one of its
/// parameters. An error of libtorch or of .NET's own collections would name something that the caller does not know. A call that
/// refuses an argument must leave no tensor behind, and must not draw random numbers.</summary>
[Collection(AloneCollection.Name)]
public class ArgumentTests
{
    private static readonly NullabilityInfoContext nullability = new();

    public static TheoryData<string> Types => [.. Examples.TypesWith(Members)];

    [Theory, MemberData(nameof(Types))]
    public void AnArgumentThatDoesNotFit_IsNamed(string name)
    {
        var type = PublicTypes.Named(name);
        var faults = new List<string>();
        foreach (var member in Members(type))
            foreach (var parameter in member.GetParameters())
                foreach (var (label, make) in Wrong(parameter)) Check(member, parameter, label, make);
        Faults.None(faults);

        void Check(MethodBase member, ParameterInfo parameter, string label, Func<object?> make)
        {
            using var scope = NewDisposeScope();
            var instance = Examples.Target(type, member);
            var arguments = Examples.Arguments(member);
            arguments[parameter.Position] = make();
            using var generator = get_rng_state();
            var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            var text = $"{type.Name}.{member.Name}({parameter.Name} = {label})";
            try
            {
                Examples.Run(member, instance, arguments);
            }
            catch (Exception refused)
            {
                if (refused is ArgumentException { ParamName: { } named } && member.GetParameters()
                    .All(candidate => !string.Equals(candidate.Name, named, StringComparison.OrdinalIgnoreCase)))
                    faults.Add($"{text} is refused as '{named}': {refused.Message}");
                else if (!IsOurs(refused)) faults.Add($"{text} throws {refused.GetType().Name}: {refused.Message.Split('\n')[0]}");
                if (refused is not ArgumentException) return;
                var left = DisposeScopeManager.Statistics.ThreadTotalLiveCount - live;
                using var after = get_rng_state();
                if (left != 0) faults.Add($"{text} is refused, and leaves {left} tensors");
                if (!generator.data<byte>().SequenceEqual(after.data<byte>()))
                    faults.Add($"{text} is refused after random numbers were drawn");
            }
        }
    }

    /// <summary>Whether the library throws such an error itself. libtorch's errors say where in its code they were raised.</summary>
    private static bool IsOurs(Exception error) => error is ArgumentException or InvalidOperationException or NotSupportedException
        or IOException or UnauthorizedAccessException or InvalidDataException or KeyNotFoundException
        && !error.Message.Contains("Exception raised from", StringComparison.Ordinal);

    /// <summary>The members whose arguments are tried. <see cref="SettingTests"/> tries the values of properties.</summary>
    private static IEnumerable<MethodBase> Members(Type type) => Examples.Callable(type).Where(member => member.GetParameters().Length > 0
        && !member.Name.StartsWith("set_", StringComparison.Ordinal) && member.Name is not (nameof(Equals) or "Deconstruct"));

    /// <summary>The values that do not fit a parameter, with their names in the list of faults.</summary>
    private static IEnumerable<(string Label, Func<object?> Make)> Wrong(ParameterInfo parameter)
    {
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        if (!type.IsValueType && nullability.Create(parameter).WriteState == NullabilityState.NotNull) yield return ("null", () => null);
        if (type == typeof(double)) yield return ("NaN", () => double.NaN);
        if (type == typeof(double)) yield return ("-infinity", () => double.NegativeInfinity);
        if (type == typeof(float)) yield return ("NaN", () => float.NaN);
        if (type == typeof(int)) yield return ("-1", () => -1);
        if (type == typeof(long)) yield return ("-1", () => -1L);
        if (type == typeof(string)) yield return ("\"\"", () => "");
        if (type.IsEnum) yield return ("99", () => Enum.ToObject(type, 99));
        if (type == typeof(Tensor))
        {
            yield return ("scalar", () => rand([]));
            yield return ("[0]", () => rand(0));
            yield return ("[3]", () => rand(3));
            yield return ("int64 [3, 5]", () => ones(3, 5, dtype: ScalarType.Int64));
            yield return ("[2, 3, 4]", () => rand(2, 3, 4));
            yield return ("[4, 0]", () => rand(4, 0));
            yield return ("[4, 5]", () => rand(4, 5));
            yield return ("float64 [4, 8]", () => rand([4, 8], ScalarType.Float64));
            yield return ("float64 [2, 3, 64, 32]", () => rand([2, 3, 64, 32], ScalarType.Float64));
        }
        if (type == typeof(EmbeddingSet))
        {
            yield return ("a set without rows", () => Set(rand(0, 8)));
            yield return ("a set of 5 columns", () => Set(rand(4, 5)));
            yield return ("a set in float64", () => Set(rand([4, 8], ScalarType.Float64)));
            yield return ("a set with NaN", () => Set(full([4, 8], float.NaN)));
            yield return ("a set with cameras", () => Set(rand(4, 8), [0, 1, 0, 1]));
        }
        var item = type.IsArray ? type.GetElementType() : type.IsGenericType ? type.GetGenericArguments()[0] : null;
        if (item is { IsByRefLike: false } && type.IsAssignableFrom(item.MakeArrayType()))
        {
            yield return ("[]", () => Array.CreateInstance(item, 0));
            if (!item.IsValueType) yield return ("[null]", () => Array.CreateInstance(item, 1));
            if (item == typeof(double)) yield return ("[NaN]", () => new[] { double.NaN });
            if (item == typeof(float)) yield return ("[NaN]", () => new[] { float.NaN });
            if (item == typeof(long)) yield return ("[-7]", () => new[] { -7L });
            if (item == typeof(EmbeddingSet))
            {
                yield return ("[without cameras]", () => new[] { Set(rand(4, 8)) });
                yield return ("[two widths]", () => new[] { Set(rand(4, 8), [0, 1, 0, 1]), Set(rand(4, 5), [0, 1, 0, 1]) });
                yield return ("[NaN]", () => new[] { Set(full([4, 8], float.NaN), [0, 1, 0, 1]) });
            }
        }
    }

    private static EmbeddingSet Set(Tensor features, long[]? cameras = null) => new(features, new long[features.size(0)], cameras);
}
