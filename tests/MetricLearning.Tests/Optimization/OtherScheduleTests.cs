using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the polynomial and one-cycle schedules against the rates of PyTorch 1.13.1: <c>OneCycleLR</c> at
/// <c>max_lr=0.1, total_steps=10</c> and <c>PolynomialLR</c> at <c>total_iters=5</c> from a rate of 0.1.</summary>
[LeavesNoTensors]
public class OtherScheduleTests
{
    private static readonly double[] cosine = [0.0040000000000000036, 0.052000000000000005, 0.1, 0.09504846320134738, 0.0811745653949763,
        0.06112620219362893, 0.03887419780637107, 0.0188258346050237, 0.004951936798652629, 4e-07];
    private static readonly double[] linear = [0.01, 0.04, 0.07, 0.1, 0.08335000000000001, 0.06670000000000001, 0.050050000000000004,
        0.03340000000000001, 0.01675, 0.00010000000000000286];
    private static readonly double[] threePhases = [0.0040000000000000036, 0.052000000000000005, 0.1, 0.052000000000000005, 0.004,
        0.0036180721853510196, 0.0026181721853510195, 0.0013822278146489802, 0.0003823278146489803, 4e-07];
    private static readonly double[] straight = [0.1, 0.08000000000000002, 0.060000000000000005, 0.04000000000000001, 0.02, 0, 0, 0];

    private static void WithSgd(Action<optim.Optimizer> test)
    {
        using var module = nn.Linear(2, 2);
        using var optimizer = optim.SGD(module.parameters(), 0.1);
        test(optimizer);
    }

    private static void Follows(LearningRateSchedule schedule, double[] rates)
    {
        foreach (var (rate, i) in rates.Select((rate, i) => (rate, i)))
        {
            Assert.Equal(rate, schedule.LearningRate, 1e-15);
            Assert.Equal(rate, schedule.LearningRateAt(i), 1e-15);
            schedule.Step();
        }
    }

    [Fact]
    public void OneCycle_IsTorchs() => WithSgd(optimizer =>
    {
        var ten = TrainingSpan.Iterations(10);
        Follows(new OneCycleSchedule(optimizer, ten), cosine);
        Follows(new OneCycleSchedule(optimizer, ten, 0.4, 10, 100, OneCycleShape.Linear), linear);
        Follows(new OneCycleSchedule(optimizer, ten, shape: OneCycleShape.CosineInThreePhases), threePhases);
        Follows(new OneCycleSchedule(optimizer, TrainingSpan.Epochs(5), iterationsPerEpoch: 2), cosine);
    });

    [Fact]
    public void OneCycle_StaysAtItsEnd_AndResumes() => WithSgd(optimizer =>
    {
        var schedule = new OneCycleSchedule(optimizer, TrainingSpan.Iterations(10));
        Assert.Equal(4e-7, schedule.LearningRateAt(1_000), 1e-18);
        schedule.State = new ScheduleState(4);
        Assert.Equal(cosine[4], optimizer.ParamGroups.First().LearningRate, 1e-15);
    });

    [Fact]
    public void OneCycle_IsFiniteForEveryLengthAndShare() => WithSgd(optimizer =>
    {
        foreach (var shape in Enum.GetValues<OneCycleShape>())
            for (var length = 2; length <= 20; length++)
                for (var rise = 1; rise < 20; rise++)
                {
                    if (shape is OneCycleShape.CosineInThreePhases or OneCycleShape.LinearInThreePhases && rise >= 10) continue;
                    var schedule = new OneCycleSchedule(optimizer, TrainingSpan.Iterations(length), rise / 20.0, shape: shape);
                    var most = 25 * schedule.LearningRateAt(0) * (1 + 1e-12);
                    Assert.All(Enumerable.Range(0, length + 2), i => Assert.InRange(schedule.LearningRateAt(i), 0, most));
                }
        // PyTorch divides by 0 here. The rate begins at its maximum.
        Assert.Equal(0.1, new OneCycleSchedule(optimizer, TrainingSpan.Iterations(2), 0.5).LearningRate, 1e-15);
    });

    [Fact]
    public void AScheduleThatGivesNoNumber_IsRefused_AndTheRateStays() => WithSgd(optimizer =>
    {
        var schedule = new Broken(optimizer);
        Assert.Contains("Broken gives the factor NaN at iteration 1",
            Assert.Throws<InvalidOperationException>(schedule.Step).Message, StringComparison.Ordinal);
        Assert.Equal(0.1, optimizer.ParamGroups.First().LearningRate);
    });

    private sealed class Broken(optim.Optimizer optimizer)
        : LearningRateSchedule(optimizer, null, null, ScheduleUpdate.EachIteration, [])
    {
        protected override double Factor(TrainingPosition position) => position.Iteration > 0 ? double.NaN : 1;
    }

    [Fact]
    public void Polynomial_IsTorchs() => WithSgd(optimizer =>
    {
        Follows(new PolynomialSchedule(optimizer, TrainingSpan.Iterations(5), power: 1), straight);
        var schedule = new PolynomialSchedule(optimizer, TrainingSpan.Iterations(5));
        double[] rates = [0.1, 0.08180521460508584, 0.06314458674893553, 0.043838329055408694, 0.023492378861760376, 0, 0, 0];
        Follows(schedule, rates);
        var above = new PolynomialSchedule(optimizer, TrainingSpan.Epochs(5), minimumFactor: 0.2, iterationsPerEpoch: 1);
        Assert.Equal(0.2 * 0.1 + 0.8 * rates[3], above.LearningRateAt(3), 1e-15);
    });

    [Fact]
    public void ImpossibleLengths_AreRefused() => WithSgd(optimizer =>
    {
        Assert.Throws<ArgumentException>(() => new OneCycleSchedule(optimizer, TrainingSpan.Iterations(1)));
        Assert.Throws<ArgumentException>(() => new OneCycleSchedule(optimizer, TrainingSpan.Epochs(5)));
        Assert.Throws<ArgumentException>(() => new PolynomialSchedule(optimizer, TrainingSpan.Iterations(0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new OneCycleSchedule(optimizer, TrainingSpan.Iterations(9), riseShare: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new OneCycleSchedule(optimizer, TrainingSpan.Iterations(9), 0.5,
            shape: OneCycleShape.LinearInThreePhases));
        Assert.Throws<ArgumentOutOfRangeException>(() => new OneCycleSchedule(optimizer, TrainingSpan.Iterations(9), endDivisor: 0.5));
    });
}
