using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests every public method and constructor with a NaN and with an infinity in each argument that holds floating-point numbers.
/// The call refuses the argument by its name, or its result is not finite. Then nobody takes a plausible number for the result of broken
/// features.</summary>
[Collection(AloneCollection.Name)]
public class NotFiniteTests
{
    /// <summary>Arguments that may hold such a number although the result is finite, each with the reason.</summary>
    private static readonly Dictionary<string, string> allowed = new(StringComparer.Ordinal)
    {
        ["Mine(distances)"] = "the tuples hold the row, so that the loss is NaN",
        ["Mine(embeddings)"] = "the tuples hold the row, so that the loss is NaN",
        ["Mine(references)"] = "the tuples hold the row, so that the loss is NaN",
        ["Write(tensor)"] = "a file may hold any number",
        ["Write(tensors)"] = "a file may hold any number",
        ["Write(arrays)"] = "a file may hold any number",
        ["Write(parts)"] = "a file may hold any number",
        ["FingerprintOf(weights)"] = "a fingerprint is of any bytes",
        ["LoadWeights(weights)"] = "the model holds the weights as they are",
        ["Bootstrap.OverIdentities(values)"] = "NaN is a query that was skipped",
        ["Bootstrap.OverIdentitiesAndRuns(runs)"] = "NaN is a query that was skipped",
        ["Bootstrap.OverQueries(values)"] = "NaN is a query that was skipped",
        ["PairedTest.Compare(first)"] = "NaN is a query that was skipped",
        ["PairedTest.Compare(second)"] = "NaN is a query that was skipped",
        ["MultiQuery.Pool(query)"] = "the features of the queries are not read",
        ["SearchQuery..ctor(Vector)"] = "the search refuses the vector",
        ["WithoutFalseNegatives(guideDistances)"] = "an infinite distance is the farthest; NaN is refused",
        ["Similarity.Order(similarity)"] = "an infinite similarity is the first or the last; NaN is refused",
    };

    public static TheoryData<string> Types => [.. Examples.TypesWith(Members)];

    [Theory, MemberData(nameof(Types))]
    public void ANumberThatIsNotFinite_IsRefused_OrStays(string name)
    {
        var type = PublicTypes.Named(name);
        var faults = new List<string>();
        foreach (var member in Members(type))
            foreach (var parameter in member.GetParameters().Where(parameter => !IsAllowed(member, parameter)))
                foreach (var value in new[] { double.NaN, double.PositiveInfinity }) Check(member, parameter, value);
        Faults.None(faults);

        void Check(MethodBase member, ParameterInfo parameter, double value)
        {
            using var scope = NewDisposeScope();
            var arguments = Examples.Arguments(member);
            if (With(arguments[parameter.Position], value) is not { } broken) return;
            arguments[parameter.Position] = broken;
            var target = Examples.Target(type, member);
            var text = $"{type.Name}.{member.Name}({parameter.Name} with {value})";
            try
            {
                var result = member is ConstructorInfo made ? made.Invoke(arguments) : member.Invoke(target, arguments);
                if (result is Task task) task.GetAwaiter().GetResult();
                if (Numbers(member is MethodInfo { ReturnType: var given } && given == typeof(void) ? target : result).All(double.IsFinite))
                    faults.Add($"{text} gives finite numbers");
            }
            catch (TargetInvocationException thrown) when (thrown.InnerException is ArgumentException refused)
            {
                if (refused.ParamName != parameter.Name) faults.Add($"{text} is refused as '{refused.ParamName}': {refused.Message}");
            }
            catch (TargetInvocationException thrown)
            {
                if (!ExampleTests.Fails(type, member))
                    faults.Add($"{text} throws {thrown.InnerException!.GetType().Name}: {thrown.InnerException.Message.Split('\n')[0]}");
            }
        }
    }

    [Fact]
    public void EveryArgumentThatIsAllowed_Exists() => Assert.Empty(allowed.Keys.Except(PublicTypes.All
        .Where(type => !type.ContainsGenericParameters).SelectMany(type => type.GetMethods().Concat<MethodBase>(type.GetConstructors()))
        .SelectMany(member => member.GetParameters().SelectMany(parameter => Labels(member, parameter)))));

    private static bool IsAllowed(MethodBase member, ParameterInfo parameter) =>
        Labels(member, parameter).Any(allowed.ContainsKey);

    /// <summary>The names of a parameter, without and with the type that declares its member.</summary>
    private static string[] Labels(MethodBase member, ParameterInfo parameter) =>
        [$"{member.Name}({parameter.Name})", $"{member.DeclaringType!.Name}.{member.Name}({parameter.Name})"];

    private static IEnumerable<MethodBase> Members(Type type) => Examples.Callable(type).Where(member => member.GetParameters().Length > 0
        && !member.Name.StartsWith("set_", StringComparison.Ordinal) && member.Name is not (nameof(Equals) or "Deconstruct")
        && member is not MethodInfo { ReturnType.IsByRefLike: true });

    /// <summary>A copy of an argument whose second number is another one; null if it holds no floating-point numbers.</summary>
    private static object? With(object? argument, double value)
    {
        switch (argument)
        {
            case Tensor tensor when tensor.is_floating_point() && tensor.numel() > 1:
                var copy = tensor.detach().clone();
                copy.view(-1)[1] = value;
                return copy;
            case EmbeddingSet set:
                return new EmbeddingSet((Tensor)With(set.Features, value)!, set.Identities.ToArray(), set.Cameras?.ToArray());
            case EmbeddingSet[] sets:
                return sets.Select(set => (EmbeddingSet)With(set, value)!).ToArray();
            case Tensor[] tensors:
                return tensors.Select(tensor => (Tensor)With(tensor, value)!).ToArray();
            case double[] numbers:
                return numbers.Select((number, i) => i == 1 ? value : number).ToArray();
            case float[] numbers:
                return numbers.Select((number, i) => i == 1 ? (float)value : number).ToArray();
            case double[][] rows:
                return rows.Select(row => (double[])With(row, value)!).ToArray();
            case float[][] rows:
                return rows.Select(row => (float[])With(row, value)!).ToArray();
            case float[,] rows:
                var table = (float[,])rows.Clone();
                table[0, 1] = (float)value;
                return table;
            case ReadOnlyMemory<float> memory:
                return new ReadOnlyMemory<float>((float[])With(memory.ToArray(), value)!);
            default:
                return null;
        }
    }

    /// <summary>The numbers of a value: those of a tensor, of the items of a sequence, and of the properties and the state of an
    /// object.</summary>
    private static IEnumerable<double> Numbers(object? value, int depth = 0) => value switch
    {
        _ when depth > 4 => [],
        null or string or Type or Delegate or Enum or Tensor { IsInvalid: true } => [],
        Tensor tensor => Of(tensor),
        double or float => [Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture)],
        ReadOnlyMemory<float> memory => memory.ToArray().Select(number => (double)number),
        ITuple tuple => Enumerable.Range(0, tuple.Length).SelectMany(i => Numbers(tuple[i], depth + 1)),
        nn.Module module => module.state_dict().Values.SelectMany(Of),
        IEnumerable items => items.Cast<object?>().SelectMany(item => Numbers(item, depth + 1)),
        _ when value.GetType().IsPrimitive => [],
        _ => value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.GetIndexParameters().Length == 0 && !property.PropertyType.IsByRefLike)
            .SelectMany(property => Numbers(Read(property, value), depth + 1)),
    };

    private static double[] Of(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.is_complex() ? [] : tensor.detach().to(ScalarType.Float64).contiguous().data<double>().ToArray();
    }

    private static object? Read(PropertyInfo property, object value)
    {
        try
        {
            return property.GetValue(value);
        }
        catch (TargetInvocationException)
        {
            return null;        // for example the gradient of a tensor that has none
        }
    }
}
