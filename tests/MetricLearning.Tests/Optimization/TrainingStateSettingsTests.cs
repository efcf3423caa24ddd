using System.Reflection;
using System.Runtime.CompilerServices;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>States, for every part that a checkpoint restores, which settings its state belongs to.</summary>
public sealed class TrainingStateSettingsTests : IDisposable
{
    private readonly nn.Module<Tensor, Tensor> model = nn.Sequential(("body", nn.Linear(2, 2)), ("head", nn.Linear(2, 2)));
    private readonly SampledClasses sampled = new(4);
    private readonly List<IDisposable> owned = [];

    /// <summary>A setting: a part that has it, the same part with another value, and the name in the message, or null if the state is
    /// taken over on purpose. <c>EarlyStop.patience</c> is the length of a run. Settings of miners and their losses come from the
    /// program.</summary>
    private Dictionary<string, (ITrainingState Saved, ITrainingState Other, string? Named)> Settings()
    {
        var span = TrainingSpan.Iterations(10);
        return new()
        {
            ["Curriculum.Over.end"] = (Curriculum.Over(span), Curriculum.Over(TrainingSpan.Iterations(20)), "end in iterations = 10"),
            ["Curriculum.Over.start"] =
                (Curriculum.Over(span), Curriculum.Over(span, TrainingSpan.Iterations(5)), "start in iterations = 0"),
            ["Curriculum.Over.iterationsPerEpoch"] = (Curriculum.Over(TrainingSpan.Epochs(1), null, 3),
                Curriculum.Over(TrainingSpan.Epochs(1), null, 4), "end in iterations = 3"),
            ["Curriculum.Over"] = (Curriculum.Over(span), Curriculum.ByActiveFraction(), "FollowsLoss = 0"),
            ["Curriculum.ByActiveFraction.below"] = (Curriculum.ByActiveFraction(), Curriculum.ByActiveFraction(0.4), "below = 0.5"),
            ["Curriculum.ByActiveFraction.stride"] =
                (Curriculum.ByActiveFraction(), Curriculum.ByActiveFraction(stride: 0.2), "stride = 0.1"),
            ["Curriculum.ByActiveFraction.window"] =
                (Curriculum.ByActiveFraction(), Curriculum.ByActiveFraction(window: 5), "window = 100"),
            ["EarlyStop.patience"] = (new EarlyStop(3), new EarlyStop(4), null),
            ["EarlyStop.minimumDelta"] = (new EarlyStop(), new EarlyStop(minimumDelta: 0.1), "minimumDelta = 0"),
            ["EarlyStop.lowerIsBetter"] = (new EarlyStop(), new EarlyStop(lowerIsBetter: true), "lowerIsBetter = 0"),
            ["GradientAccumulation.batches"] =
                (new GradientAccumulation([], 2), new GradientAccumulation([], 3), "batches = 2"),
            ["GradientAccumulation.Sampled"] =
                (new GradientAccumulation([], 2), new GradientAccumulation([], 2) { Sampled = [sampled] }, null),
            ["ModelAverage.decay"] = (Average(), Average(0.5), "decay = 0.9999"),
            ["ModelAverage.warmUpPower"] = (Average(), Average(power: 1), "warmUpPower = none"),
            ["ModelAverage.warmUpGamma"] = (Average(), Average(gamma: 2), "warmUpGamma = 1"),
            ["StagedFreeze.length"] =
                (new StagedFreeze(model, span, ["body"]), new StagedFreeze(model, TrainingSpan.Iterations(5), ["body"]), "iterations = 10"),
            ["StagedFreeze.prefixes"] =
                (new StagedFreeze(model, span, ["body"]), new StagedFreeze(model, span, ["head"]), "prefixes = body"),
            ["StagedFreeze.iterationsPerEpoch"] = (new StagedFreeze(model, TrainingSpan.Epochs(1), ["body"], 3),
                new StagedFreeze(model, TrainingSpan.Epochs(1), ["body"], 4), "iterations = 3"),
            ["DistanceWeightedMiner.Seed"] =
                (new DistanceWeightedMiner(4), new DistanceWeightedMiner(4) { Seed = 1 }, "the seed 0"),
            ["DistanceWeightedMiner.Distance"] =
                (new DistanceWeightedMiner(4), new DistanceWeightedMiner(4) { Distance = Distance.Euclidean.Normalized() }, null),
            ["DistanceWeightedMiner.dimension"] = (new DistanceWeightedMiner(4), new DistanceWeightedMiner(5), null),
            ["DistanceWeightedMiner.cutoff"] = (new DistanceWeightedMiner(4), new DistanceWeightedMiner(4, cutoff: 0.4), null),
            ["DistanceWeightedMiner.farthest"] = (new DistanceWeightedMiner(4), new DistanceWeightedMiner(4, farthest: 1), null),
            ["RandomTripletsMiner.Seed"] = (new RandomTripletsMiner(4), new RandomTripletsMiner(4) { Seed = 1 }, "the seed 0"),
            ["RandomTripletsMiner.Distance"] =
                (new RandomTripletsMiner(4), new RandomTripletsMiner(4) { Distance = Distance.Cosine }, null),
            ["RandomTripletsMiner.tripletsPerAnchor"] = (new RandomTripletsMiner(4), new RandomTripletsMiner(5), null),
            ["TripletMarginMiner.Seed"] = (new TripletMarginMiner(), new TripletMarginMiner { Seed = 1 }, "the seed 0"),
            ["TripletMarginMiner.Cap"] = (new TripletMarginMiner(), new TripletMarginMiner { Cap = 5 }, null),
            ["TripletMarginMiner.Distance"] = (new TripletMarginMiner(), new TripletMarginMiner { Distance = Distance.Cosine }, null),
            ["TripletMarginMiner.margin"] = (new TripletMarginMiner(), new TripletMarginMiner(0.3), null),
            ["TripletMarginMiner.kind"] = (new TripletMarginMiner(), new TripletMarginMiner(kind: Hardness.Hard), null),
            ["UniformHistogramMiner.Seed"] = (new UniformHistogramMiner(), new UniformHistogramMiner { Seed = 1 }, "the seed 0"),
            ["UniformHistogramMiner.Distance"] =
                (new UniformHistogramMiner(), new UniformHistogramMiner { Distance = Distance.Cosine }, null),
            ["UniformHistogramMiner.bins"] = (new UniformHistogramMiner(), new UniformHistogramMiner(9), null),
            ["UniformHistogramMiner.positivesPerBin"] = (new UniformHistogramMiner(), new UniformHistogramMiner(positivesPerBin: 9), null),
            ["UniformHistogramMiner.negativesPerBin"] = (new UniformHistogramMiner(), new UniformHistogramMiner(negativesPerBin: 9), null),
        };
    }

    private ModelAverage Average(double decay = 0.9999, double? power = null, double gamma = 1)
    {
        var average = new ModelAverage(model, decay, power, gamma);
        owned.Add(average);
        return average;
    }

    public void Dispose()
    {
        owned.ForEach(part => part.Dispose());
        sampled.Dispose();
        model.Dispose();
    }

    [Fact]
    public void AStateOfOtherSettings_IsRefusedByName_OrTakenOverOnPurpose()
    {
        foreach (var (setting, (saved, other, named)) in Settings())
        {
            var state = saved.SaveState();
            saved.LoadState(state);
            if (named is null) other.LoadState(state);
            else
            {
                var before = other.SaveState();
                Assert.Contains(named, Assert.Throws<ArgumentException>(() => other.CheckState(state)).Message, StringComparison.Ordinal);
                Assert.Throws<ArgumentException>(() => other.LoadState(state));
                Assert.True(before.SequenceEqual(other.SaveState()), $"{setting} changed");
            }
        }
    }

    [Fact]
    public void EverySettingOfEveryPart_IsListed()
    {
        var parts = typeof(ITrainingState).Assembly.GetTypes()
            .Where(type => type is { IsClass: true, IsAbstract: false } && type.IsAssignableTo(typeof(ITrainingState)));
        var settings = parts.SelectMany(part => part.GetConstructors().SelectMany(made => Names(part.Name, made))
            .Concat(part.GetMethods(BindingFlags.Static | BindingFlags.Public).Where(method => method.ReturnType == part)
                .SelectMany(made => Names($"{part.Name}.{made.Name}", made)))
            .Concat(part.GetProperties().Where(IsInit).Select(property => $"{part.Name}.{property.Name}")));
        Assert.Empty(settings.Except(Settings().Keys));

        static bool IsInit(PropertyInfo property) => property.SetMethod is { IsPublic: true } setter
            && setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit));

        static IEnumerable<string> Names(string part, MethodBase made) => made.GetParameters()
            .Where(parameter => parameter.ParameterType != typeof(nn.Module) && parameter.ParameterType != typeof(IEnumerable<Parameter>))
            .Select(parameter => $"{part}.{parameter.Name}");
    }

    /// <summary>A schedule's rate depends only on its position, so a run can go on with a longer schedule.</summary>
    [Fact]
    public void AScheduleMayChange()
    {
        using var optimizer = optim.SGD(model.parameters(), 1);
        var saved = new MultiStepSchedule(optimizer, [TrainingSpan.Iterations(2)], 0.1);
        for (var i = 0; i < 3; i++) saved.Step();
        var longer = new MultiStepSchedule(optimizer, [TrainingSpan.Iterations(4)], 0.1) { State = saved.State };
        Assert.Equal(1, longer.LearningRate);
        longer.Step();
        Assert.Equal(0.1, longer.LearningRate);
    }
}
