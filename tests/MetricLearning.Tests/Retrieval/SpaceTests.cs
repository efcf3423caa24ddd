using System.Reflection;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests all public methods that take sets of embeddings: sets of two spaces never meet, and no result loses its space.</summary>
[LeavesNoTensors]
public class SpaceTests
{
    private static readonly EmbeddingSpace space = new() { Architecture = "a", Height = 256 };

    /// <summary>Methods that may take two spaces: the features of one of the sets are not used.</summary>
    private static readonly string[] mixing = ["MultiQuery.Pool"];

    /// <summary>Methods whose results are in a space that no record describes.</summary>
    private static readonly string[] leaving = ["CameraNormalization.Apply", "PrincipalComponents.Apply"];

    private static readonly IReadOnlyList<MethodInfo> methods = [.. typeof(EmbeddingSet).Assembly.GetExportedTypes()
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
        .Where(method => !method.IsSpecialName && method.GetParameters().Any(IsSet))];

    private static bool IsSet(ParameterInfo parameter) =>
        parameter.ParameterType == typeof(EmbeddingSet) || parameter.ParameterType == typeof(EmbeddingSet[]);

    private static string NameOf(MethodInfo method) => $"{method.DeclaringType!.Name}.{method.Name}";

    private static EmbeddingSet Set(EmbeddingSpace? of) =>
        new(rand(12, 4), [.. Enumerable.Range(0, 12).Select(row => row / 4L)], [.. Enumerable.Range(0, 12).Select(row => row % 2L)])
        {
            Space = of,
        };

    /// <summary>Calls a method with two sets; a method with one set gets the second, and its object was fitted on the first.</summary>
    private static object? Call(MethodInfo method, EmbeddingSet first, EmbeddingSet second)
    {
        object? target = method.IsStatic ? null : method.DeclaringType!.Name switch
        {
            nameof(CameraNormalization) => CameraNormalization.Fit(first),
            nameof(PrincipalComponents) => PrincipalComponents.Fit(first),
            nameof(QueryExpansion) => new QueryExpansion(2),
            nameof(RetrievalEvaluator) => new RetrievalEvaluator(),
            nameof(VerificationEvaluator) => new VerificationEvaluator(),
            nameof(OpenSetEvaluator) => new OpenSetEvaluator(),
            var name => throw new InvalidOperationException($"Say here how {name} is made."),
        };
        var parameters = method.GetParameters();
        var sets = new Queue<EmbeddingSet>(parameters.Count(IsSet) == 1 ? [second] : [first, second]);
        try
        {
            return method.Invoke(target, BindingFlags.DoNotWrapExceptions, null, [.. parameters.Select(parameter =>
                parameter.ParameterType == typeof(EmbeddingSet[]) ? new[] { first, second }
                : IsSet(parameter) ? sets.Dequeue()
                : parameter.ParameterType == typeof(MultiQueryPooling) ? MultiQueryPooling.Average
                : parameter.DefaultValue)], null);
        }
        finally
        {
            (target as IDisposable)?.Dispose();
        }
    }

    [Fact]
    public void SetsOfTwoSpaces_NeverMeet()
    {
        using EmbeddingSet first = Set(space), second = Set(space with { Height = 384 });
        var meeting = methods.Where(method => !mixing.Contains(NameOf(method)) && (method.GetParameters().Count(IsSet) > 1
            || method.GetParameters().Any(parameter => parameter.ParameterType == typeof(EmbeddingSet[]))
            || leaving.Contains(NameOf(method)))).ToArray();
        Assert.True(meeting.Length >= 11, $"{meeting.Length} methods were found");
        Assert.All(meeting, method => Assert.Contains("one embedding space",
            Assert.ThrowsAny<ArgumentException>(() => Call(method, first, second)).Message));
    }

    [Fact]
    public void Results_AreInTheSpaceOfTheirSets()
    {
        var normalized = space with { Normalized = true };
        using EmbeddingSet first = Set(normalized), second = Set(normalized);
        var making = methods.Where(method => Made(method.ReturnType)).ToArray();
        Assert.True(making.Length >= 6, $"{making.Length} methods were found");
        Assert.All(making, method =>
        {
            var result = Call(method, first, second);
            foreach (var set in result is EmbeddingSet one ? [one] : Pair(result))
                using (set) Assert.Equal(leaving.Contains(NameOf(method)) ? null : space, set.Space);   // means have other lengths than 1
        });

        static bool Made(Type type) => type == typeof(EmbeddingSet) || type.GetGenericArguments().Contains(typeof(EmbeddingSet));

        static EmbeddingSet[] Pair(object? result)
        {
            var (query, gallery) = Assert.IsType<(EmbeddingSet, EmbeddingSet)>(result);
            return [query, gallery];
        }
    }
}
