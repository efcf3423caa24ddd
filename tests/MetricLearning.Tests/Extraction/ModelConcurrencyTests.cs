using System.Collections.Concurrent;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that the public methods that compute with a model give each thread the result of its own input, and never change the
/// model.</summary>
[LeavesNoTensors]
public class ModelConcurrencyTests
{
    private const int Threads = 8;
    private const int Calls = 30;

    /// <summary>A method: the model that it needs, and what it computes from the model and images [N, 3, 96, 32].</summary>
    private sealed record Method(Func<nn.Module> Model, Func<nn.Module, Func<Tensor, Tensor>> Of);

    private static readonly Dictionary<string, Method> methods = new()
    {
        ["EmbeddingModel.Embed"] = new(Embedding, model => ((EmbeddingModel)model).Embed),
        ["Pcb.Embed"] = new(() => new Pcb(ResNet.ResNet18(), parts: 2, reducedDimension: 8), model => ((PartModel)model).Embed),
        ["Mgn.Embed"] = new(() => new Mgn(ResNet.ResNet18(lastStride: 1), reducedDimension: 8), model => ((PartModel)model).Embed),
        ["TransReId.Embed"] = new(() => new TransReId(VisionTransformer.Tiny(96, 32), groups: 2, shift: 2),
            model => images => ((TransReId)model).Embed(images)),
        ["FeatureExtractor of the embedding"] = new(Embedding,
            model => new FeatureExtractor((EmbeddingModel)model) { Flip = true }.Extract),
        ["FeatureExtractor of a layer"] = new(Embedding, model => new FeatureExtractor((EmbeddingModel)model, "backbone.conv3").Extract),
        ["LayerFeatures.Of a layer"] = new(Embedding, model => images => LayerFeatures.Of((EmbeddingModel)model, images, "backbone.conv4")),
        ["LayerFeatures.Of several"] = new(Embedding, model => images =>
        {
            using var scope = NewDisposeScope();
            var features = LayerFeatures.Of((EmbeddingModel)model, images, ["pooling", "backbone.conv2", "classifier"]);
            return cat([features["pooling"], features["backbone.conv2"].mean([2, 3]), features["classifier"]], 1).MoveToOuterDisposeScope();
        }),
        ["ActivationMaps.Of"] = new(Embedding, model => images =>
        {
            using var features = LayerFeatures.Of((EmbeddingModel)model, images, "backbone");
            return ActivationMaps.Of(features);
        }),
        ["ModelSummary.Of"] = new(Embedding, model => images =>
            tensor(ModelSummary.Of((EmbeddingModel)model, images.shape).Layers.Select(layer => layer.MultiplyAdds).ToArray())),
    };

    public static TheoryData<string> Names => [.. methods.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void OneSharedModel_GivesEachThreadItsOwnResult(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Evaluating(methods[name].Model);
        var compute = methods[name].Of(model);
        var images = Images();
        var expected = images.Select(compute).ToArray();
        AssertSame(expected, (thread, _) => compute(images[thread]));
    }

    // The first use of a model adds hooks to its layers, which must not disturb the calls of other threads. Each round has a new model.
    [Fact]
    public void AModelThatIsNew_TakesAllMethodsAtOnce()
    {
        using var scope = NewDisposeScope();
        var images = Images();
        var together = methods.Values.Where(method => method.Model == Embedding).ToArray();
        Tensor[] expected;
        using (var twin = Evaluating(Embedding))
            expected = [.. images.Select((image, i) => together[i % together.Length].Of(twin)(image))];
        for (var round = 0; round < 15; round++)
        {
            using var model = Evaluating(Embedding);
            AssertSame(expected, (thread, _) => together[thread % together.Length].Of(model)(images[thread]), calls: 2);
        }
    }

    // TorchSharp's call enumerates the hooks of a layer. A hook that is added meanwhile would break the call. Here a user's hook sleeps, so
    // the enumeration lasts long.
    [Fact]
    public void TheFirstLookAtLayers_WaitsForThePassesThatRun()
    {
        using var scope = NewDisposeScope();
        using var model = (EmbeddingModel)Evaluating(Embedding);
        var images = Images();
        using var inside = new ManualResetEventSlim();
        var isFirst = 1;
        var layer = (nn.Module<Tensor, Tensor>)model.named_modules().Single(named => named.name == "backbone.conv3").module;
        layer.register_forward_hook((_, _, output) =>
        {
            if (Interlocked.Exchange(ref isFirst, 0) == 0) return output;
            inside.Set();
            Thread.Sleep(300);
            return output;
        });
        AssertNoFailure(Run((thread, _) =>
        {
            if (thread > 0) inside.Wait();
            using var result = thread == 0 ? model.Embed(images[thread]) : LayerFeatures.Of(model, images[thread], "backbone.conv3");
        }, calls: 1));
    }

    // A user's hook and a listener on another thread must not get each other's outputs.
    [Fact]
    public void DirectCalls_BesideLookingAtLayers_GiveTheirOwnResult()
    {
        using var scope = NewDisposeScope();
        using var model = (EmbeddingModel)Evaluating(Embedding);
        var images = Images();
        var expected = images.Select((image, i) => Compute(i, image)).ToArray();
        AssertSame(expected, (thread, _) => Compute(thread, images[thread]));

        Tensor Compute(int thread, Tensor image)
        {
            if (thread % 2 == 0) return LayerFeatures.Of(model, image, "backbone.conv3");
            using var noGradient = no_grad();
            using var inner = NewDisposeScope();
            return model.call(image).Embedding.MoveToOuterDisposeScope();
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void AModelInTrainingMode_IsRefused_AndNothingChanges(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Evaluating(methods[name].Model);
        var compute = methods[name].Of(model);
        model.train();
        model.named_children().First().module.eval();           // the modes of its modules differ, and each must stay
        var modes = model.modules().Select(module => module.training).ToList();
        var before = model.state_dict().ToDictionary(named => named.Key, named => named.Value.clone());
        var images = Images();
        var refused = 0;
        AssertNoFailure(Run((thread, _) =>
        {
            var error = Assert.Throws<InvalidOperationException>(() => compute(images[thread]).Dispose());
            Assert.Contains("in training mode: call model.eval() first", error.Message, StringComparison.Ordinal);
            Interlocked.Increment(ref refused);
        }, calls: 3));
        Assert.Equal(Threads * 3, refused);
        Assert.True(model.training);
        Assert.Equal(modes, model.modules().Select(module => module.training));
        Assert.All(model.state_dict(), named => Assert.True(named.Value.Equals(before[named.Key]), named.Key));
    }

    private static nn.Module Embedding() => new EmbeddingModel(OSNet.X025(), new GeMPooling(), new BNNeck(128), classes: 5);

    /// <summary>Creates a model in evaluation mode, with the same weights on each call.</summary>
    private static nn.Module Evaluating(Func<nn.Module> create)
    {
        manual_seed(11);
        var model = create();
        model.eval();
        return model;
    }

    private static Tensor[] Images()
    {
        manual_seed(12);
        return [.. Enumerable.Range(0, Threads).Select(_ => rand(1, 3, 96, 32))];
    }

    private static void AssertSame(Tensor[] expected, Func<int, int, Tensor> compute, int calls = Calls)
    {
        var wrong = 0;
        AssertNoFailure(Run((thread, call) =>
        {
            using var actual = compute(thread, call);
            if (!actual.Equals(expected[thread])) Interlocked.Increment(ref wrong);
        }, calls));
        Assert.Equal(0, wrong);
    }

    private static void AssertNoFailure(ConcurrentBag<Exception> failures) =>
        Assert.True(failures.IsEmpty, $"{failures.Count} calls failed, one by {failures.FirstOrDefault()}");

    /// <summary>Runs threads that start together, and returns the exceptions that they throw.</summary>
    private static ConcurrentBag<Exception> Run(Action<int, int> act, int calls)
    {
        var failures = new ConcurrentBag<Exception>();
        using var start = new Barrier(Threads);
        var threads = Enumerable.Range(0, Threads).Select(thread => new Thread(() =>
        {
            start.SignalAndWait();
            for (var call = 0; call < calls; call++)
                try
                {
                    act(thread, call);
                }
#pragma warning disable CA1031 // any exception on this thread must fail the test
                catch (Exception failure)
#pragma warning restore CA1031
                {
                    failures.Add(failure);
                }
        })).ToList();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        return failures;
    }
}
