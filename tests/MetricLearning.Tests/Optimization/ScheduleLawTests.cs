using MetricLearning.Testing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests what holds for every schedule, on each row. Reflection finds the schedules, so the tests of a new one fail until it has a
/// row.</summary>
[LeavesNoTensors]
public sealed class ScheduleLawTests : IDisposable
{
    private const int PerEpoch = 4, Iterations = 30;

    /// <summary>Makes a schedule. The second argument is a number of epochs in the unit of the test.</summary>
    private delegate LearningRateSchedule Make(optim.Optimizer optimizer, Func<int, TrainingSpan> epochs, WarmUp? warmUp,
        ScheduleUpdate update);

    private static readonly Dictionary<string, Make> rows = new()
    {
        ["steps"] = (o, epochs, warmUp, update) => new MultiStepSchedule(o, [epochs(2), epochs(4)], 0.1, warmUp, PerEpoch, update),
        ["cosine"] = (o, epochs, warmUp, update) => new CosineSchedule(o, epochs(5), null, 0.01, warmUp, PerEpoch, update),
        ["cosine later"] = (o, epochs, warmUp, update) => new CosineSchedule(o, epochs(5), epochs(2), 0, warmUp, PerEpoch, update),
        ["polynomial"] = (o, epochs, warmUp, update) => new PolynomialSchedule(o, epochs(5), 2, 0.05, warmUp, PerEpoch, update),
        ["one cycle"] = (o, epochs, _, _) => new OneCycleSchedule(o, epochs(5), iterationsPerEpoch: PerEpoch),
        ["one cycle in three phases"] = (o, epochs, _, _) =>
            new OneCycleSchedule(o, epochs(5), shape: OneCycleShape.LinearInThreePhases, iterationsPerEpoch: PerEpoch),
    };

    private static readonly Dictionary<string, WarmUp?> warmUps = new()
    {
        ["none"] = null,
        ["linear"] = WarmUp.Linear(TrainingSpan.Iterations(6), 0.1),
        ["linear in epochs"] = WarmUp.Linear(TrainingSpan.Epochs(1.5), 0.1),
        ["constant"] = WarmUp.Constant(TrainingSpan.Iterations(5), 0.3),
        ["exponential"] = WarmUp.Exponential(TrainingSpan.Epochs(2), 0.01),
        ["of no length"] = WarmUp.Linear(TrainingSpan.Iterations(0), 0.1),
    };

    private readonly nn.Module module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2));
    private readonly optim.Optimizer optimizer;

    public ScheduleLawTests()
    {
        var groups = module.children().Zip([0.1, 0.4],
            (part, rate) => new SGD.ParamGroup([.. part.parameters()], rate));
        optimizer = optim.SGD([.. groups], 0.1);
    }

    public static MatrixTheoryData<string, string, ScheduleUpdate> Schedules =>
        new(rows.Keys, warmUps.Keys, Enum.GetValues<ScheduleUpdate>());

    public void Dispose()
    {
        optimizer.Dispose();
        module.Dispose();
    }

    [Fact]
    public void EverySchedule_HasARow()
    {
        var all = typeof(LearningRateSchedule).Assembly.GetExportedTypes().Where(type => type.IsSubclassOf(typeof(LearningRateSchedule)));
        Assert.Empty(all.Except(rows.Keys.Select(name => Of(name).GetType())));
    }

    [Theory, MemberData(nameof(Schedules))]
    public void TheRates_AreTheFactorTimesTheInitialOnes(string name, string warmUp, ScheduleUpdate update)
    {
        var schedule = Of(name, warmUp, update);
        for (var i = 0; i < Iterations; i++)
        {
            Assert.Equal(i, schedule.Iteration);
            Assert.Equal(schedule.FactorAt(i), schedule.CurrentFactor);
            Assert.Equal(optimizer.ParamGroups.Select(group => group.InitialLearningRate * schedule.CurrentFactor), Rates);
            Assert.Equal(Rates[0], schedule.LearningRate);
            Assert.Equal(Rates[0], schedule.LearningRateAt(i));
            Assert.InRange(schedule.CurrentFactor, 0, 1);
            schedule.Step();
        }
        Assert.Equal(schedule.FactorAt(Iterations), schedule.FactorAt(int.MaxValue), 1e-12);
    }

    [Theory, MemberData(nameof(Schedules))]
    public void ARun_ResumesFromEveryPosition(string name, string warmUp, ScheduleUpdate update)
    {
        var whole = Of(name, warmUp, update);
        var (states, rates) = (new List<ScheduleState>(), new List<double[]>());
        foreach (var length in new[] { 3, 6, 4, 1, 7, 9 })
        {
            whole.StartEpoch(states.Count == 0 ? 0 : whole.State.Epoch + 1);
            for (var i = 0; i < length; i++)
            {
                states.Add(whole.State);
                rates.Add(Rates);
                whole.Step();
            }
        }
        for (var start = 0; start < states.Count; start++)
        {
            var resumed = Of(name, warmUp, update);
            resumed.State = states[start];
            for (var i = start; i < states.Count; i++)
            {
                resumed.StartEpoch(states[i].Epoch);
                Assert.Equal(states[i], resumed.State);
                Assert.Equal(rates[i], Rates);
                resumed.Step();
            }
        }
    }

    /// <summary>Where epochs have the stated length, it makes no difference whether the program says where they begin.</summary>
    [Theory, MemberData(nameof(Schedules))]
    public void SayingWhereRegularEpochsBegin_ChangesNothing(string name, string warmUp, ScheduleUpdate update)
    {
        var schedule = Of(name, warmUp, update);
        for (var i = 0; i < Iterations; i++)
        {
            if (i % PerEpoch == 0) schedule.StartEpoch(i / PerEpoch);
            Assert.Equal(schedule.FactorAt(i), schedule.CurrentFactor, 1e-12);
            schedule.Step();
        }
    }

    [Theory, MemberData(nameof(Schedules))]
    public void ALengthInEpochs_IsThatInIterations(string name, string warmUp, ScheduleUpdate update)
    {
        var epochs = Of(name, warmUp, update);
        var iterations = rows[name](optimizer, count => TrainingSpan.Iterations(count * PerEpoch), warmUps[warmUp], update);
        for (var i = 0; i < Iterations; i++) Assert.Equal(epochs.FactorAt(i), iterations.FactorAt(i), 1e-12);
    }

    /// <summary>A one-cycle schedule has a rise of its own, and changes at each iteration.</summary>
    [Theory, MemberData(nameof(Schedules))]
    public void AWarmUp_Multiplies_AndAnUpdateAtEachEpochTakesItsFirstFactor(string name, string warmUp, ScheduleUpdate update)
    {
        var (schedule, plain) = (Of(name, warmUp, update), Of(name));
        if (schedule is OneCycleSchedule) return;
        var rise = new MultiStepSchedule(optimizer, [], warmUp: warmUps[warmUp], iterationsPerEpoch: PerEpoch);
        for (var i = 0; i < Iterations; i++)
        {
            var at = update == ScheduleUpdate.EachEpoch ? i / PerEpoch * PerEpoch : i;
            Assert.Equal(plain.FactorAt(at) * rise.FactorAt(at), schedule.FactorAt(i), 1e-12);
        }
    }

    private static readonly Dictionary<string, Func<IEnumerable<Parameter>, double, optim.Optimizer>> optimizers = new()
    {
        [nameof(SGD)] = (parameters, rate) => optim.SGD(parameters, rate, momentum: 0.9),
        [nameof(Adam)] = (parameters, rate) => optim.Adam(parameters, rate),
        [nameof(AdamW)] = (parameters, rate) => optim.AdamW(parameters, rate),
        [nameof(NAdam)] = (parameters, rate) => optim.NAdam(parameters, rate),
        [nameof(RAdam)] = (parameters, rate) => optim.RAdam(parameters, rate),
        [nameof(Adamax)] = (parameters, rate) => optim.Adamax(parameters, rate),
        [nameof(RMSProp)] = (parameters, rate) => optim.RMSProp(parameters, rate),
        [nameof(Adagrad)] = (parameters, rate) => optim.Adagrad(parameters, rate),
        [nameof(Adadelta)] = (parameters, rate) => optim.Adadelta(parameters, rate),
    };

    public static TheoryData<string> Optimizers => [.. optimizers.Keys];

    /// <summary>Steps by a factor of ¼ are those of an optimizer that was made with a quarter of the rate.</summary>
    [Theory, MemberData(nameof(Optimizers))]
    public void TheOptimizer_StepsByTheScheduledRate(string kind)
    {
        Assert.Equal(After(0.025, 1), After(0.1, 0.25));
        Assert.NotEqual(After(0.1, 1), After(0.1, 0.25));

        float[] After(double rate, double factor)
        {
            random.manual_seed(3);
            using var layer = nn.Linear(3, 2);
            using var own = optimizers[kind](layer.parameters(), rate);
            var schedule = new MultiStepSchedule(own, [TrainingSpan.Iterations(0)], factor);
            for (var step = 0; step < 3; step++)
            {
                using var scope = NewDisposeScope();
                own.zero_grad();
                layer.call(ones(2, 3)).pow(2).sum().backward();
                own.step();
                schedule.Step();
            }
            return layer.weight!.data<float>().ToArray();
        }
    }

    [Fact]
    public void AnOptimizerThatReadsNoRate_IsRefused()
    {
        using var rprop = optim.Rprop(module.parameters());
        Assert.StartsWith("Rprop keeps the learning rate that it was made with", Assert.Throws<NotSupportedException>(() =>
            new MultiStepSchedule(rprop, [])).Message, StringComparison.Ordinal);
        using var lbfgs = optim.LBFGS(module.parameters());
        Assert.Throws<NotSupportedException>(() => new CosineSchedule(lbfgs, TrainingSpan.Iterations(3)));
    }

    private double[] Rates => [.. optimizer.ParamGroups.Select(group => group.LearningRate)];

    private LearningRateSchedule Of(string name, string warmUp = "none", ScheduleUpdate update = ScheduleUpdate.EachIteration) =>
        rows[name](optimizer, count => TrainingSpan.Epochs(count), warmUps[warmUp], update);
}
