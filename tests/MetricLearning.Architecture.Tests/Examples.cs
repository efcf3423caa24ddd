using System.Reflection;
using System.Runtime.ExceptionServices;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace MetricLearning.Architecture.Tests;

/// <summary>Gives a valid value for each parameter of a public constructor, so that a test can construct any type and then make one
/// argument invalid.</summary>
internal static class Examples
{
    /// <summary>The file of a database. An old file is deleted, because an older build may have written another format.</summary>
    private static readonly Lazy<string> database = new(() =>
    {
        var path = Path.Combine(AppContext.BaseDirectory, "settings.db");
        foreach (var left in Directory.GetFiles(AppContext.BaseDirectory, "settings.db*")) File.Delete(left);
        return path;
    });

    /// <summary>The folder of the files that calls write. What an earlier run wrote is deleted.</summary>
    private static readonly Lazy<string> written = new(() =>
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "written");
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        return Directory.CreateDirectory(folder).FullName;
    });

    /// <summary>A zip archive without members: it has only the end record.</summary>
    private static readonly byte[] emptyZip = [.. "PK\x05\x06"u8, .. new byte[18]];

    /// <summary>Values of parameters that cannot be chosen by their type alone, by <c>Type.parameter</c>; if constructors differ, by
    /// <c>Type.parameter (its type)</c>.</summary>
    private static readonly Dictionary<string, Func<object?>> byParameter = new(StringComparer.Ordinal)
    {
        ["Pairs.positives"] = Mask,
        ["SamplerShard.rank"] = () => 1,
        ["Pairs.negatives"] = Mask,
        ["Triplets.anchors"] = Rows,
        ["Triplets.positives"] = Rows,
        ["Triplets.negatives"] = Rows,
        ["LossBatch.labels"] = Labels,
        ["LossBatch.referenceLabels"] = Labels,
        ["EmbeddingSet.identities"] = () => new long[] { 0, 0, 1, 1 },
        ["EmbeddingSet.identities (Int32[])"] = () => new[] { 0, 0, 1, 1 },
        ["EmbeddingSet.identities (Tensor)"] = Rows,
        ["SmoothRecallAtKLoss.depths"] = () => new[] { 1, 2 },
        ["MatryoshkaLoss.widths"] = () => new[] { 2L, 4L },
        ["FixedTripletsSampler.triplets"] = () => Enumerable.Repeat((0L, 1L, 2L), 16).ToArray(),
        ["DomainIdentitySampler.identitiesPerDomain"] = () => new Dictionary<long, int> { [0] = 2 },
        ["HierarchicalSampler.categories"] = () => new long[] { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1 },
        ["HierarchicalSampler.classesPerCategory"] = () => 2,
        ["MultiStepSchedule.milestones"] = () => new[] { TrainingSpan.Epochs(2) },
        ["MultiStepSchedule.iterationsPerEpoch"] = () => 10,
        ["CosineSchedule.iterationsPerEpoch"] = () => 10,
        ["PolynomialSchedule.iterationsPerEpoch"] = () => 10,
        ["OneCycleSchedule.iterationsPerEpoch"] = () => 10,
        ["StagedFreeze.iterationsPerEpoch"] = () => 10,
        ["StagedFreeze.prefixes"] = () => new[] { "weight" },
        ["DomainSampler.rowsPerDomain"] = () => 2,
        ["IdentitySampler.identitiesPerBatch"] = () => 2,
        ["GraphSampler.identitiesPerBatch"] = () => 2,
        ["ImageTransform.steps"] = () => new ImageStep[] { new Resize(8, 8), new Normalize() },
        ["DomainIdentitySampler.domains"] = () => new long[16],
        ["RandomPatch.images"] = () => Images,
        ["NumPyArchive.stream"] = () => new MemoryStream(emptyZip),
        ["NumPyArchive.path"] = EmptyZipFile,
        ["ImageArchive.path"] = EmptyZipFile,
        ["ImageEmbedder.embed"] = () =>
            (Func<ReadOnlyMemory<byte>, CancellationToken, Task<float[]>>)((_, _) => Task.FromResult(new float[] { 1 })),
        ["CollectionAlias.store"] = () => new Search.MemoryVectorStore(),
        ["PostgresVectorStore.connectionString"] = () => "Host=localhost;Database=settings",
        ["PostgresVectorStore.source"] = () => Npgsql.NpgsqlDataSource.Create("Host=localhost;Database=settings"),
        ["InferenceModel.height (Int32)"] = () => 96,
        ["InferenceModel.width (Int32)"] = () => 32,
        ["SqliteVectorStore.path"] = () => database.Value,
        ["ActivationMaps.features"] = () => rand(2, 8, 4, 2),
        ["Bootstrap.identities"] = () => new long[] { 0, 0, 1 },
        ["PairedTest.queryIdentities"] = () => new long[] { 0, 0, 1 },
        ["BatchMixing.labels"] = () => tensor(new long[] { 0, 1 }),
        ["DistanceView.rows"] = Rows,
        ["DistanceView.columns"] = Rows,
        ["Mgn.resNet"] = () => ResNet.ResNet18(),
        ["PartModel.images"] = () => rand(2, 3, 96, 32),
        ["TransReId.side"] = () => null,
        ["GradientAccumulation.loss"] = () => rand([], requires_grad: true),
        ["GradientCache.embed"] = () =>
        {
            var weight = rand([], requires_grad: true);
            return (Func<Tensor, Tensor>)(x => x * weight);
        },
        ["GradientCache.loss"] = () => (Func<Tensor, Tensor>)(x => x.sum()),
        ["Triplets.rows"] = () => 6L,
        ["HardNegativeSearch.labels"] = () => new long[] { 0, 0, 1, 1 },
        ["ImageTransform.images"] = () => zeros(2, 3, 8, 8, ScalarType.Byte),
        ["SafeBatchNorm.input"] = () => rand(4, 4),
        ["WeightLoading.weights"] = () => new Dictionary<string, Tensor> { ["weight"] = rand(4, 8), ["bias"] = rand(4) },
        ["Curriculum.iterationsPerEpoch"] = () => 10,
        ["FeatureFile.path"] = () => NewPath() + ".npz",
        ["FeatureFile.parts"] = () => new (string, EmbeddingSet, IReadOnlyList<string>)[] { ("gallery", Set(), ["a", "b", "c", "d"]) },
        ["ParameterGroup.prefixes"] = () => new[] { "weight" },
        ["ImageList.index"] = () => 1,
        ["Normalize.channel"] = () => 1,
        ["EmbeddingSpace.json"] = () => "{}",
    };

    /// <summary>Values of parameters that cannot be chosen by their type alone, by name. They fit together: rows of 8 numbers, images in
    /// color, and 4 rows.</summary>
    private static readonly Dictionary<string, Func<object?>> byName = new(StringComparer.Ordinal)
    {
        ["path"] = NewPath,
        ["folder"] = NewPath,
        ["dimension"] = () => 8L,
        ["inputDimension"] = () => 8L,
        ["imageChannels"] = () => 3L,
        ["k"] = () => 5,
        ["queryQuery"] = Square,
        ["galleryGallery"] = Square,
        ["queryGallery"] = Square,
        ["distances"] = Square,
        ["guideDistances"] = Square,
        ["similarities"] = () => rand(4),
        ["queryIdentities"] = () => new long[] { 0, 0, 1, 1 },
        ["galleryIdentities"] = () => new long[] { 0, 0, 1, 1 },
    };

    /// <summary>Values of the parameters of methods that cannot be chosen by their type alone, by name.</summary>
    private static readonly Dictionary<string, Func<object?>> byMethodParameter = new(StringComparer.Ordinal)
    {
        ["labels"] = Labels,
        ["referenceLabels"] = Labels,
        ["images"] = () => rand(2, 3, 64, 32),
        ["map"] = () => rand(2, 8, 4, 2),
        ["serviceType"] = () => typeof(string),
        ["state"] = () => new Dictionary<string, double>(),
        ["values"] = () => Array.Empty<Microsoft.Extensions.AI.DataContent>(),
    };

    private static readonly Dictionary<Type, Func<object>> byType = new()
    {
        [typeof(double)] = () => 0.5,
        [typeof(float)] = () => 0.5f,
        [typeof(int)] = () => 4,
        [typeof(long)] = () => 4L,
        [typeof(ulong)] = () => 1UL,
        [typeof(byte)] = () => (byte)4,
        [typeof(bool)] = () => false,
        [typeof(string)] = () => "name",
        [typeof(Tensor)] = () => rand(4, 8),
        [typeof(Distance)] = () => Distance.Euclidean,
        [typeof(Miner)] = () => new BatchHardMiner(),
        [typeof(Curriculum)] = () => Curriculum.Over(TrainingSpan.Iterations(4)),
        [typeof(IReadOnlyList<(double, Miner)>)] = () => new (double, Miner)[] { (0, new BatchHardMiner()) },
        [typeof(IEnumerable<TorchSharp.Modules.Parameter>)] = () => nn.Linear(2, 2).parameters(),
        [typeof(IReadOnlyList<TorchSharp.Modules.Parameter>)] = () => nn.Linear(2, 2).parameters().ToList(),
        [typeof(Action<double>)] = () => (double _) => { },
        [typeof(Reducer)] = () => Reducer.Mean,
        [typeof(Pairs)] = () => Pairs.FromLabels(Labels()),
        [typeof(LossBatch)] = () => new LossBatch(rand(4, 8), Labels()),
        [typeof(EmbeddingViews)] = () => new EmbeddingViews(rand(4, 8), rand(4, 8)),
        [typeof(ModelOutput)] = () => new ModelOutput(rand(4, 8), rand(4, 8), rand(4, 8)),
        [typeof(EmbeddingSpace)] = () => new EmbeddingSpace { Height = 64, Width = 32 },
        [typeof(EmbeddingSet)] = Set,
        [typeof(TupleLoss)] = () => new TripletLoss(),
        [typeof(MetricLoss)] = () => new TripletLoss(),
        [typeof(LossSum)] = () => new LossSum().Add("loss", new TripletLoss()),
        [typeof(nn.Module<Tensor, Tensor>)] = () => nn.Linear(8, 4),
        [typeof(nn.Module)] = () => nn.Linear(8, 4),
        [typeof(Backbone)] = () => new ConvNet4(imageChannels: 3),
        [typeof(Tuples)] = () => new Triplets(Rows(), Rows(), Rows(), 4, 4),
        [typeof(Regularizer)] = () => Regularizer.Lp(),
        [typeof(nn.Module<Tensor, Tensor, Tensor>)] = () => new TripletLoss(),
        [typeof(Func<Tensor, Tensor>)] = () => (Tensor x) => x.alias(),
        [typeof(EmbeddingModel)] = () => new EmbeddingModel(new ConvNet4(imageChannels: 3)),
        [typeof(PartModel)] = () => new Pcb(ResNet.ResNet18(), parts: 2, reducedDimension: 8),
        [typeof(InferenceModel)] = () => new InferenceModel(new EmbeddingModel(new ConvNet4(imageChannels: 3))),
        [typeof(ResNet)] = () => ResNet.ResNet50(),
        [typeof(VisionTransformer)] = () => VisionTransformer.Tiny(64, 32),
        [typeof(optim.Optimizer)] = () => optim.SGD(nn.Linear(2, 2).parameters(), 0.1),
        [typeof(TrainingSpan)] = () => TrainingSpan.Epochs(4),
        [typeof(PixelStep)] = () => new HorizontalFlip(),
        [typeof(IReadOnlyList<ImageStep>)] = () => new ImageStep[] { new HorizontalFlip(), new Normalize() },
        [typeof(ImageList)] = () => Images,
        [typeof(IEnumerable<ImageSample>)] = () => Images,
        [typeof(ImageTransform)] = () => new ImageTransform(new Resize(8, 8), new Normalize()),
        [typeof(IReadOnlyList<long>)] = () => new long[] { 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3 },
        [typeof(IReadOnlyList<string>)] = () => new[] { "first", "second" },
        [typeof(IReadOnlyList<double>)] = () => new[] { 0.5, 0.5, 0.5 },
        [typeof(ReadOnlyMemory<float>)] = () => new ReadOnlyMemory<float>([0.5f, 0.5f, 0.5f]),
        [typeof(Range)] = () => ..3,
        [typeof(IReadOnlyList<float>)] = () => new[] { 0.5f, 0.5f, 0.5f },
        [typeof(float[])] = () => new[] { 0.5f, 0.5f, 0.5f },
        [typeof(float[,])] = () => new float[4, 8],
        [typeof(IReadOnlyList<float[]>)] = () => new[] { new[] { 0.5f, 0.5f }, new[] { 0.5f, 1f } },
        [typeof(IReadOnlyList<IReadOnlyList<double>>)] = () => new[] { new[] { 0.5, 0.7, 0.9 }, new[] { 0.5, 0.6, 0.8 } },
        [typeof(IReadOnlyList<Tensor>)] = () => new[] { rand(4, 8), rand(4, 8) },
        [typeof(Func<IReadOnlyList<Tensor>, Tensor>)] = () => (IReadOnlyList<Tensor> x) => x[0].sum(),
        [typeof(IEnumerable<KeyValuePair<string, Tensor>>)] = () => new Dictionary<string, Tensor> { ["x"] = rand(4, 8) },
        [typeof(IReadOnlyDictionary<string, Tensor>)] = () => new Dictionary<string, Tensor> { ["x"] = rand(4, 8) },
        [typeof(IReadOnlyDictionary<string, string>)] = () => new Dictionary<string, string>(),
        [typeof(DistanceView)] = () => new LossBatch(rand(4, 8), Labels()).Distances(Distance.Euclidean),
        [typeof(RetrievalReport)] = () => Report,
        [typeof(RetrievalFigures)] = () => Report.OverValidQueries,
        [typeof(QueryResult)] = () => Report.PerQuery[0],
        [typeof(Func<QueryResult, double>)] = () => (QueryResult query) => query.AveragePrecision,
        [typeof(EmbeddingSet[])] = () => new[] { Set() },
        [typeof(IReadOnlyList<(string, EmbeddingSet, IReadOnlyList<string>?)>)] = () =>
            new (string, EmbeddingSet, IReadOnlyList<string>?)[] { ("gallery", Set(), null) },
        [typeof(OSNet)] = () => OSNet.X025(),
        [typeof(Stream)] = () => new MemoryStream(emptyZip),
        [typeof(ReadOnlyMemory<byte>)] = () => new ReadOnlyMemory<byte>(emptyZip),
        [typeof(LearningRateSchedule)] = () => new CosineSchedule(
            optim.SGD(nn.Linear(2, 2).parameters(), 0.1), TrainingSpan.Epochs(2), iterationsPerEpoch: 10),
        [typeof(Sampler)] = () => new ShuffleSampler(16, 4),
        [typeof(ITrainingState)] = () => new RandomTripletsMiner(1),
        [typeof(SeededRandom)] = () => new SeededRandom(1),
        [typeof(IReadOnlyList<SeededRandom>)] = () => new[] { new SeededRandom(1), new SeededRandom(2) },
        [typeof(Picture)] = () => Picture.FromRgb(new byte[3 * 16 * 12], 16, 12),
        [typeof((int Height, int Width))] = () => (16, 12),
        [typeof(Func<ImageSample, bool>)] = () => (ImageSample image) => image.Identity == 0,
        [typeof(IEnumerable<BadImage>)] = () => new[] { new BadImage("a.png", "broken") },
        [typeof(IReadOnlyList<ImageList>)] = () => new[] { Images },
        [typeof(IEnumerable<Search.LabelledPair>)] = () => Enumerable.Range(0, 4000)
            .Select(pair => new Search.LabelledPair(pair / 4000.0, pair > 2000)).ToList(),
    };

    /// <summary>Four pictures of two things, seen by two cameras.</summary>
    private static EmbeddingSet Set() => new(rand(4, 8), [0, 0, 1, 1], cameras: [0, 1, 0, 1]);

    /// <summary>A report of four pictures of two things.</summary>
    private static RetrievalReport Report
    {
        get
        {
            using var test = Set();
            return new RetrievalEvaluator { Protocol = RetrievalProtocol.SelfRetrieval }.Evaluate(test);
        }
    }

    private static string EmptyZipFile()
    {
        var path = Path.Combine(AppContext.BaseDirectory, "empty.npz");
        if (!File.Exists(path)) File.WriteAllBytes(path, emptyZip);
        return path;
    }

    private static ImageList Images => new([new ImageSample("a.png", 0, 0), new ImageSample("b.png", 1, 1)]);

    /// <summary>Arguments that a constructor or method takes.</summary>
    public static object?[] Arguments(MethodBase member) => [.. member.GetParameters().Select(Argument)];

    /// <summary>Whether there is an object of a type for the call of its methods.</summary>
    public static bool CanMake(Type type) => byType.ContainsKey(type)
        || PublicTypes.Constructible.Except(SettingTests.Results).Contains(type);

    /// <summary>An object of a type: its example, or else one made by its constructor with the fewest parameters.</summary>
    public static object Make(Type type)
    {
        if (byType.TryGetValue(type, out var sample)) return sample();
        var constructor = type.GetConstructors().Where(constructor => !IsCopy(constructor))
            .MinBy(constructor => constructor.GetParameters().Length)!;
        return constructor.Invoke(Arguments(constructor));
    }

    /// <summary>The object on which a member is called; null if it needs none. A model embeds only in evaluation mode.</summary>
    /// <param name="type">The type whose members are tried.</param>
    /// <param name="member">Its member.</param>
    public static object? Target(Type type, MethodBase member)
    {
        if (member.IsStatic || member.IsConstructor) return null;
        var instance = Make(type);
        if (instance is nn.Module module && member.Name == nameof(EmbeddingModel.Embed)) module.eval();
        return instance;
    }

    /// <summary>Calls a member. A sequence is enumerated and a task is awaited, so that their errors are those of the call.</summary>
    /// <returns>Its result, whose items have been disposed.</returns>
    public static object? Run(MethodBase member, object? instance, object?[] arguments)
    {
        object? result;
        try
        {
            result = member is ConstructorInfo constructor ? constructor.Invoke(arguments) : member.Invoke(instance, arguments);
        }
        catch (TargetInvocationException thrown)
        {
            ExceptionDispatchInfo.Throw(thrown.InnerException!);
            return null;
        }
        if (result is Task task) task.GetAwaiter().GetResult();
        if (result is System.Collections.IEnumerable sequence and not Tensor)
            foreach (var item in sequence) (item as IDisposable)?.Dispose();
        return result;
    }

    /// <summary>Whether the methods of a type need a file or a database. The tests of these types try their arguments.</summary>
    public static bool NeedsFiles(Type type) =>
        type.Name is "OnnxEmbedder" or "MemoryVectorStore" or "SqliteVectorStore" or "PostgresVectorStore" or nameof(RandomPatch);

    /// <summary>The names of the types that have members that a test tries. The operators of <see cref="Scalars"/> are those of
    /// libtorch.</summary>
    /// <param name="members">The members of a type that the test tries.</param>
    public static IEnumerable<string> TypesWith(Func<Type, IEnumerable<MethodBase>> members) => PublicTypes.All
        .Where(type => !type.ContainsGenericParameters && !type.IsEnum && !typeof(Delegate).IsAssignableFrom(type) && !NeedsFiles(type)
            && type != typeof(Scalars) && members(type).Any())
        .Select(type => type.FullName!);

    /// <summary>The public constructors and methods of a type that its library declares, and for whose parameters there are
    /// examples.</summary>
    public static IEnumerable<MethodBase> Callable(Type type) => type
        .GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static)
        .Where(method => PublicTypes.Libraries.Contains(method.DeclaringType!.Assembly) && !method.ContainsGenericParameters
            && !method.Name.StartsWith("op_", StringComparison.Ordinal) && method.Name is not nameof(IGraphLayer.Describe)
            && (method.IsStatic || CanMake(type)))
        .Concat<MethodBase>(type.GetConstructors().Where(constructor => CanMake(type) && !IsCopy(constructor)))
        .Where(member => member.GetParameters().All(parameter => !parameter.ParameterType.IsByRefLike && !parameter.ParameterType.IsByRef
            && (parameter.HasDefaultValue || Exists(parameter))));

    /// <summary>Whether a constructor copies an object of its own type.</summary>
    public static bool IsCopy(ConstructorInfo constructor) =>
        constructor.GetParameters() is [var only] && only.ParameterType == constructor.DeclaringType;

    /// <summary>Whether there is an example for a parameter.</summary>
    public static bool Exists(ParameterInfo parameter)
    {
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        return type.IsEnum || byType.ContainsKey(type) || byMethodParameter.ContainsKey(parameter.Name!)
            || byParameter.ContainsKey($"{parameter.Member.DeclaringType!.Name}.{parameter.Name}");
    }

    private static object? Argument(ParameterInfo parameter)
    {
        var name = $"{parameter.Member.DeclaringType!.Name}.{parameter.Name}";
        if (byParameter.TryGetValue($"{name} ({parameter.ParameterType.Name})", out var make)) return make();
        if (byParameter.TryGetValue(name, out make) && make() is var own
            && (own is null || parameter.ParameterType.IsInstanceOfType(own))) return own;
        if (byName.TryGetValue(parameter.Name!, out make) && make() is { } fits && parameter.ParameterType.IsInstanceOfType(fits))
            return fits;
        if (parameter.HasDefaultValue) return Default(parameter);
        if (parameter.Member is MethodInfo && byMethodParameter.TryGetValue(parameter.Name!, out make)
            && make() is { } given && parameter.ParameterType.IsInstanceOfType(given)) return given;
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        if (byType.TryGetValue(type, out var sample)) return sample();
        if (type.IsEnum) return Enum.GetValues(type).GetValue(0);
        throw new NotSupportedException(
            $"{nameof(Examples)} has no value for {type.Name} {parameter.Member.DeclaringType!.Name}.{parameter.Name}; add one.");
    }

    private static object? Default(ParameterInfo parameter)
    {
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        if (parameter.DefaultValue is null) return parameter.ParameterType.IsValueType
            && Nullable.GetUnderlyingType(parameter.ParameterType) is null
            ? Activator.CreateInstance(type) : null;
        return type.IsEnum ? Enum.ToObject(type, parameter.DefaultValue) : parameter.DefaultValue;
    }

    /// <summary>A path at which there is nothing, so that no call reads what another one wrote.</summary>
    private static string NewPath() => Path.Combine(written.Value, Guid.NewGuid().ToString("N"));

    private static Tensor Square() => rand(4, 4);

    private static Tensor Rows() => tensor(new long[] { 0, 1, 2, 3 });

    private static Tensor Labels() => tensor(new long[] { 0, 0, 1, 1 });

    private static Tensor Mask() => eye(4, dtype: ScalarType.Bool);
}
