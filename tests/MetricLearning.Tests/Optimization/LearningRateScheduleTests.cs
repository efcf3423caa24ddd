using MetricLearning.Testing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class LearningRateScheduleTests
{
    private const int PerEpoch = 20;

    private static void WithSgd(Action<optim.Optimizer> test, double rate = 0.5)
    {
        using var module = nn.Linear(2, 2);
        using var optimizer = optim.SGD(module.parameters(), rate);
        test(optimizer);
    }

    [Fact]
    public void BagOfTricks_IsItsFormula() => WithSgd(optimizer =>
    {
        var schedule = new MultiStepSchedule(optimizer, [TrainingSpan.Epochs(40), TrainingSpan.Epochs(70)], 0.1,
            WarmUp.Linear(TrainingSpan.Epochs(10), 0.01), PerEpoch, ScheduleUpdate.EachEpoch);
        for (var iteration = 0; iteration < 120 * PerEpoch; iteration++)
        {
            var epoch = iteration / PerEpoch;
            var alpha = epoch / 10.0;
            var expected = 0.5 * (epoch < 10 ? 0.01 * (1 - alpha) + alpha : 1) * (epoch >= 70 ? 0.01 : epoch >= 40 ? 0.1 : 1);
            Assert.Equal(expected, schedule.LearningRate, 1e-15);
            Assert.Equal(schedule.LearningRate, schedule.LearningRateAt(iteration));
            schedule.Step();
        }
        Assert.Equal(120 * PerEpoch, schedule.Iteration);
    });

    [Fact]
    public void FastReid_WarmsUpByIterations() => WithSgd(optimizer =>
    {
        var schedule = new MultiStepSchedule(optimizer, [TrainingSpan.Epochs(40), TrainingSpan.Epochs(90)], 0.1,
            WarmUp.Linear(TrainingSpan.Iterations(200), 0.1), PerEpoch);
        Assert.Equal(0.05, schedule.LearningRateAt(0), 1e-15);
        Assert.Equal(0.5 * (0.1 * 0.5 + 0.5), schedule.LearningRateAt(100), 1e-15);
        Assert.Equal(0.5, schedule.LearningRateAt(200), 1e-15);
        Assert.Equal(0.5, schedule.LearningRateAt(40 * PerEpoch - 1), 1e-15);
        Assert.Equal(0.05, schedule.LearningRateAt(40 * PerEpoch), 1e-15);
        Assert.Equal(0.005, schedule.LearningRateAt(90 * PerEpoch), 1e-15);
    });

    [Fact]
    public void OtherWarmUps_AreTheirFormulas() => WithSgd(optimizer =>
    {
        var constant = new MultiStepSchedule(optimizer, [], warmUp: WarmUp.Constant(TrainingSpan.Iterations(5), 0.2));
        Assert.Equal([0.1, 0.1, 0.1, 0.1, 0.1, 0.5], Enumerable.Range(0, 6).Select(constant.LearningRateAt));
        var exponential = new MultiStepSchedule(optimizer, [], warmUp: WarmUp.Exponential(TrainingSpan.Iterations(2), 0.01));
        Assert.Equal(0.005, exponential.LearningRateAt(0), 1e-15);
        Assert.Equal(0.05, exponential.LearningRateAt(1), 1e-15);
        Assert.Equal(0.5, exponential.LearningRateAt(2), 1e-15);
    });

    [Fact]
    public void WarmUpAndMultiStep_AreTorchs() => WithSgd(ours => WithSgd(theirs =>
    {
        var schedule = new MultiStepSchedule(ours, [TrainingSpan.Iterations(12), TrainingSpan.Iterations(20)], 0.3,
            WarmUp.Linear(TrainingSpan.Iterations(6), 0.25));
        var linear = optim.lr_scheduler.LinearLR(theirs, start_factor: 0.25, end_factor: 1, total_iters: 6);
        var steps = optim.lr_scheduler.MultiStepLR(theirs, [12, 20], 0.3);
        for (var i = 0; i < 30; i++)
        {
            Assert.Equal(theirs.ParamGroups.First().LearningRate, schedule.LearningRate, 1e-12);
            schedule.Step();
            linear.step();
            steps.step();
        }
    }));

    [Fact]
    public void Cosine_IsTorchs_AndStaysAtItsMinimum() => WithSgd(ours => WithSgd(theirs =>
    {
        var schedule = new CosineSchedule(ours, TrainingSpan.Iterations(25), minimumFactor: 0.02);
        var reference = optim.lr_scheduler.CosineAnnealingLR(theirs, 25, 0.5 * 0.02);
        for (var i = 0; i <= 25; i++)
        {
            Assert.Equal(theirs.ParamGroups.First().LearningRate, schedule.LearningRate, 1e-12);
            schedule.Step();
            reference.step();
        }
        Assert.Equal(0.01, schedule.LearningRateAt(1_000), 1e-15);
    }));

    [Fact]
    public void Cosine_MayStartLater() => WithSgd(optimizer =>
    {
        var schedule = new CosineSchedule(optimizer, TrainingSpan.Epochs(60), TrainingSpan.Epochs(30), 0,
            WarmUp.Linear(TrainingSpan.Iterations(20), 0.1), PerEpoch);
        Assert.Equal(0.05, schedule.LearningRate, 1e-15);
        Assert.Equal(0.5, schedule.LearningRateAt(30 * PerEpoch), 1e-15);
        Assert.Equal(0.25, schedule.LearningRateAt(45 * PerEpoch), 1e-15);
        Assert.Equal(0, schedule.LearningRateAt(60 * PerEpoch), 1e-15);
    });

    [Fact]
    public void EachGroup_KeepsItsProportion()
    {
        using var a = nn.Linear(2, 2);
        using var b = nn.Linear(2, 2);
        using var optimizer = optim.Adam(
            [new Adam.ParamGroup(a.parameters(), lr: 0.1), new Adam.ParamGroup(b.parameters(), lr: 0.002)]);
        var schedule = new MultiStepSchedule(optimizer, [TrainingSpan.Iterations(1)], 0.5);
        Assert.Equal([0.1, 0.002], optimizer.ParamGroups.Select(group => group.LearningRate));
        schedule.Step();
        Assert.Equal([0.05, 0.001], optimizer.ParamGroups.Select(group => group.LearningRate));
        Assert.Equal(0.5, schedule.CurrentFactor);
    }

    [Theory, InlineData(0), InlineData(1), InlineData(39), InlineData(1000)]
    public void StartEpoch_MakesEpochsExact_WhateverTheirLength(int first) => WithSgd(optimizer =>
    {
        var schedule = new MultiStepSchedule(optimizer, [TrainingSpan.Epochs(first + 1), TrainingSpan.Epochs(first + 2)], 0.1,
            iterationsPerEpoch: 10);
        int[] lengths = [13, 14, 5];
        for (var epoch = 0; epoch < lengths.Length; epoch++)
        {
            schedule.StartEpoch(first + epoch);
            for (var i = 0; i < lengths[epoch]; i++)
            {
                Assert.Equal(epoch switch { 0 => 0.5, 1 => 0.05, _ => 0.005 }, schedule.LearningRate, 1e-15);
                schedule.Step();
            }
        }
    });

    [Fact]
    public void AnImpossibleState_IsRefusedByName_AndNothingChanges() => WithSgd(optimizer =>
    {
        var schedule = new MultiStepSchedule(optimizer, [TrainingSpan.Iterations(1)], 0.1);
        schedule.Step();
        Assert.Throws<ArgumentOutOfRangeException>("State", () => schedule.State = new ScheduleState(1, 0, 5));
        Assert.Equal((new ScheduleState(1), 0.05), (schedule.State, schedule.LearningRate));
        var sampler = new ShuffleSampler(4, 2);
        Assert.Throws<ArgumentOutOfRangeException>("State", () => sampler.State = new SamplerState(0, 5));
        Assert.Equal(default, sampler.State);
    });

    [Fact]
    public void State_ResumesWithTheSameRatesToTheBit() => WithSgd(optimizer =>
    {
        var schedule = Make(optimizer);
        var rates = new List<double>();
        for (var i = 0; i < 50; i++, schedule.Step())
        {
            if (i == 30) schedule.StartEpoch(2);
            rates.Add(schedule.LearningRate);
        }
        WithSgd(fresh =>
        {
            var interrupted = Make(fresh);
            for (var i = 0; i < 50; i++, interrupted.Step())
            {
                if (i == 30) interrupted.StartEpoch(2);
                if (i % 7 == 0) interrupted = new CosineSchedule(fresh, TrainingSpan.Epochs(4), null, 0,
                    WarmUp.Linear(TrainingSpan.Iterations(9)), 13)
                {
                    State = interrupted.State,
                };
                Assert.Equal(rates[i], interrupted.LearningRate);
            }
        });

        static CosineSchedule Make(optim.Optimizer optimizer) =>
            new(optimizer, TrainingSpan.Epochs(4), null, 0, WarmUp.Linear(TrainingSpan.Iterations(9)), 13);
    });

    [Fact]
    public void StartEpoch_SaidAgainInTheMiddle_ChangesNothing() => WithSgd(optimizer =>
    {
        var schedule = new MultiStepSchedule(optimizer, [], warmUp: WarmUp.Linear(TrainingSpan.Epochs(3)), iterationsPerEpoch: 4);
        schedule.StartEpoch(0);
        for (var i = 0; i < 5; i++) schedule.Step();
        schedule.StartEpoch(1);
        schedule.Step();
        var (state, rate) = (schedule.State, schedule.LearningRate);
        schedule.StartEpoch(1);
        Assert.Equal(state, schedule.State);
        Assert.Equal(new ScheduleState(6, 1, 5), state);
        Assert.Equal(rate, schedule.LearningRate);
    });

    [Fact]
    public void AStateThatThrows_ChangesNothing() => WithSgd(optimizer =>
    {
        var schedule = new UntilTheSecondIteration(optimizer);
        schedule.Step();
        Assert.Throws<InvalidOperationException>(schedule.Step);
        Assert.Throws<ArgumentOutOfRangeException>(() => schedule.State = new ScheduleState(1, 0, 2));
        Assert.Equal(new ScheduleState(1), schedule.State);
        Assert.Equal(0.25, schedule.LearningRate);
    });

    private sealed class UntilTheSecondIteration : LearningRateSchedule
    {
        public UntilTheSecondIteration(optim.Optimizer optimizer) : base(optimizer, null, null, ScheduleUpdate.EachIteration, []) =>
            Start();

        protected override double Factor(TrainingPosition position) =>
            position.Iteration < 2 ? 1 / (1 + position.Iteration) : throw new InvalidOperationException("Training is over.");
    }

    [Fact]
    public void Spans_SayTheirUnit()
    {
        Assert.Equal("2.5 epochs", TrainingSpan.Epochs(2.5).ToString());
        Assert.Equal("2000 iterations", TrainingSpan.Iterations(2000).ToString());
        Assert.Equal(50, TrainingSpan.Epochs(2.5).ToIterations(20));
        Assert.Equal(7, TrainingSpan.Iterations(7).ToIterations(20));
        Assert.NotEqual(TrainingSpan.Epochs(3), TrainingSpan.Iterations(3));
    }

    [Fact]
    public void Errors_NameTheArgument() => WithSgd(optimizer =>
    {
        Assert.Contains("iterationsPerEpoch must be given", Assert.Throws<ArgumentException>(() =>
            new MultiStepSchedule(optimizer, [TrainingSpan.Epochs(1)])).Message, StringComparison.Ordinal);
        Assert.Contains("iterationsPerEpoch must be given", Assert.Throws<ArgumentException>(() =>
            new MultiStepSchedule(optimizer, [], warmUp: WarmUp.Linear(TrainingSpan.Epochs(1)))).Message, StringComparison.Ordinal);
        Assert.Contains("a start after 5 epochs and an end after 3 epochs", Assert.Throws<ArgumentException>(() =>
            new CosineSchedule(optimizer, TrainingSpan.Epochs(3), TrainingSpan.Epochs(5), iterationsPerEpoch: 2)).Message,
                StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => TrainingSpan.Epochs(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => TrainingSpan.Iterations(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => WarmUp.Linear(TrainingSpan.Iterations(1), 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MultiStepSchedule(optimizer, [], factor: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MultiStepSchedule(optimizer, []) { State = new ScheduleState(1, 0, 2) });
    });
}
