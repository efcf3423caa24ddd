using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using MetricLearning.Testing;
using static MetricLearning.Scalars;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that errors about features name the argument that the caller gave, and the row in it.</summary>
[LeavesNoTensors]
public class ArgumentNamesTests
{
    private const int BadRow = 3;

    /// <summary>What is wrong with a row of the features, and the distance that minds it.</summary>
    public static TheoryData<double, string> Faults => new()
    {
        { double.NaN, nameof(Distance.Cosine) }, { double.NaN, nameof(Distance.Euclidean) }, { 1e200, nameof(Distance.Cosine) },
        { 1e200, nameof(Distance.Euclidean) }, { 1e200, nameof(Distance.Dot) }, { 1e200, nameof(Distance.SignalToNoise) },
    };

    /// <summary>Calls every public method of the package that takes features, once with a fault in each of the arguments.</summary>
    [Theory]
    [MemberData(nameof(Faults))]
    public void EveryCall_NamesAnArgumentOfItsOwn_AndItsRow(double value, string distanceName)
    {
        var distance = (Distance)typeof(Distance).GetProperty(distanceName)!.GetValue(null)!;
        using var scope = NewDisposeScope();
        using var good = Set(6);
        using var components = PrincipalComponents.Fit(good);
        using var cameras = CameraNormalization.Fit(good);
        var seen = new HashSet<string>();
        foreach (var method in Methods())
        {
            foreach (var target in Targets(method, distance, components, cameras))
                foreach (var bad in method.GetParameters().Where(Takes))
                {
                    using var broken = Set(6);
                    broken.Features[BadRow, 1] = value;
                    var call = $"{method.DeclaringType!.Name}.{method}";
                    var error = Error(method, target, bad.Position, good, broken);
                    // These take rows that are too long, or scale them.
                    if (error is null && !double.IsNaN(value)) continue;
                    Assert.True(error is not null, $"{call} takes a NaN in {bad.Name}.");
                    var words = error.Message;
                    Assert.True(error.ParamName?.Split('[')[0] == bad.Name, $"{call} names '{error.ParamName}' for {bad.Name}: {words}");
                    Assert.True(words.StartsWith(bad.Name!, StringComparison.Ordinal), $"{call}: {words}");
                    if (!words.Contains("in size", StringComparison.Ordinal))
                        Assert.True(words.Contains(string.Create(CultureInfo.InvariantCulture, $"row {BadRow}"), StringComparison.Ordinal),
                            $"{call}: {words}");
                    seen.Add(call);
                }
        }
        Assert.InRange(seen.Count, double.IsNaN(value) ? 15 : 6, 100);
    }

    /// <summary>Rows so short that all squares are 0 would all be equally near.</summary>
    [Theory]
    [InlineData(nameof(Distance.Euclidean))]
    [InlineData(nameof(Distance.EuclideanSquared))]
    [InlineData(nameof(Distance.Dot))]
    [InlineData(nameof(Distance.SignalToNoise))]
    public void RowsTooShortToSquare_AreRefused(string distanceName)
    {
        var distance = (Distance)typeof(Distance).GetProperty(distanceName)!.GetValue(null)!;
        using var scope = NewDisposeScope();
        using var normal = Set(6);
        using var tiny = new EmbeddingSet(normal.Features * S(1e-170), normal.Identities, normal.Cameras);
        using var mixed = new EmbeddingSet(cat([normal.Features, tiny.Features]), [.. normal.Identities, .. tiny.Identities],
            [.. normal.Cameras!, .. tiny.Cameras!]);
        foreach (var evaluate in new Action<EmbeddingSet>[]
        {
            set => new RetrievalEvaluator { Distance = distance }.Evaluate(set),
            set => new VerificationEvaluator { Distance = distance }.Evaluate(set),
            set => new Dbscan(1) { Distance = distance }.Fit(set.Features),
        })
        {
            var error = Assert.Throws<ArgumentException>(() => evaluate(tiny));
            Assert.Contains("must reach 1E-140 in size", error.Message, StringComparison.Ordinal);
            evaluate(normal);
        }
        // Among rows of usual length, the short ones are all at the distance of a zero row. Only as a query one has no signal.
        new RetrievalEvaluator { Distance = distance }.Evaluate(normal, mixed);
        if (distance == Distance.SignalToNoise)
            Assert.Contains("query features must vary more: distances from row 6 would be infinite.", Assert.Throws<ArgumentException>(
                () => new RetrievalEvaluator { Distance = distance }.Evaluate(mixed, normal)).Message, StringComparison.Ordinal);
        Assert.Equal(new RetrievalEvaluator().Evaluate(normal).MeanAveragePrecision,
            new RetrievalEvaluator().Evaluate(tiny).MeanAveragePrecision);
    }

    private static EmbeddingSet Set(int rows) => new(randn(rows, 5, ScalarType.Float64, generator: new Generator(3)),
        [.. Enumerable.Range(0, rows).Select(i => (long)i / 2)], [.. Enumerable.Range(0, rows).Select(i => (long)i % 2)]);

    /// <summary>Whether a parameter is features whose numbers are read. Pooling takes only identities from the queries.</summary>
    private static bool Takes(ParameterInfo parameter) => (parameter.ParameterType == typeof(EmbeddingSet)
            && !(parameter.Member.DeclaringType == typeof(MultiQuery) && parameter.Name == "query"))
        || parameter.ParameterType == typeof(EmbeddingSet[])
        || (parameter.ParameterType == typeof(Tensor) && parameter.Name is "features" or "query" or "gallery");

    /// <summary>The public methods that read the numbers of features. Those that only keep or write them take any number.</summary>
    private static IEnumerable<MethodInfo> Methods() => typeof(RetrievalEvaluator).Assembly.GetExportedTypes()
        .Where(type => type != typeof(EmbeddingSet) && type != typeof(FeatureFile) && !typeof(nn.Module).IsAssignableFrom(type))
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
        .Where(method => (method.DeclaringType == typeof(Reranker) && method.Name == nameof(Reranker.Rerank))
            || method.GetParameters().Any(p => p.ParameterType == typeof(EmbeddingSet) || p.ParameterType == typeof(EmbeddingSet[])));

    private static IEnumerable<object?> Targets(MethodInfo method, Distance distance, PrincipalComponents components,
        CameraNormalization cameras) => method.IsStatic ? [null] : method.DeclaringType!.Name switch
        {
            nameof(RetrievalEvaluator) =>
            [
                new RetrievalEvaluator { Distance = distance },
                .. Rerankers(distance).Select(reranker => new RetrievalEvaluator { Distance = distance, Reranking = reranker }),
            ],
            nameof(Reranker) => Rerankers(distance),
            nameof(VerificationEvaluator) => [new VerificationEvaluator { Distance = distance }],
            nameof(OpenSetEvaluator) => [new OpenSetEvaluator { Distance = distance }],
            nameof(QueryExpansion) => [new QueryExpansion(2, 3)],
            nameof(PrincipalComponents) => [components],
            nameof(CameraNormalization) => [cameras],
            _ => throw new NotSupportedException($"This test does not know how to make a {method.DeclaringType.Name}."),
        };

    private static IEnumerable<Reranker> Rerankers(Distance distance) => distance == Distance.Cosine || distance == Distance.Euclidean
        ? [new KReciprocalReranker(2, 1) { Distance = distance }, new GnnReranker(2, 1)] : [new GnnReranker(2, 1)];

    private static ArgumentException? Error(MethodInfo method, object? target, int place, EmbeddingSet good, EmbeddingSet broken)
    {
        var values = method.GetParameters().Select((parameter, i) => (i == place ? broken : good) is var set
            && parameter.ParameterType == typeof(EmbeddingSet) ? set : parameter.ParameterType == typeof(EmbeddingSet[]) ? new[] { set }
            : parameter.ParameterType == typeof(Tensor) ? set.Features : parameter.HasDefaultValue ? Default(parameter)
            : (object?)MultiQueryPooling.Average).ToArray();
        try
        {
            var result = method.Invoke(target, values);
            foreach (var part in result is ITuple parts ? Enumerable.Range(0, parts.Length).Select(i => parts[i]) : [result])
                (part as IDisposable)?.Dispose();
            return null;
        }
        catch (TargetInvocationException e) when (e.InnerException is ArgumentException inner)
        {
            return inner;
        }
    }

    private static object? Default(ParameterInfo parameter) => parameter.DefaultValue
        ?? (parameter.ParameterType.IsValueType ? Activator.CreateInstance(parameter.ParameterType) : null);
}
