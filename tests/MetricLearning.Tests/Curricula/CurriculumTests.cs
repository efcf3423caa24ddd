using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class CurriculumTests
{
    [Fact]
    public void OverALength_ItGrowsInAStraightLine()
    {
        var curriculum = Curriculum.Over(TrainingSpan.Epochs(3), TrainingSpan.Epochs(1), iterationsPerEpoch: 2);
        List<double> progress = [];
        for (var i = 0; i < 8; i++)
        {
            progress.Add(curriculum.Progress);
            if (i % 2 == 0) curriculum.Step();
            else curriculum.Step(0);
        }
        Assert.Equal([0, 0, 0, 0.25, 0.5, 0.75, 1, 1], progress);
        Assert.Throws<ArgumentException>(() => Curriculum.Over(TrainingSpan.Epochs(3)));
        Assert.Throws<ArgumentException>(() => Curriculum.Over(TrainingSpan.Epochs(3), TrainingSpan.Iterations(1), 2));
        Assert.Throws<ArgumentException>(() => Curriculum.Over(TrainingSpan.Iterations(3), TrainingSpan.Iterations(3)));
    }

    [Fact]
    public void ByActiveFraction_ItGrows_WhenFewTermsAreLeft()
    {
        var curriculum = Curriculum.ByActiveFraction(below: 0.5, stride: 0.4, window: 2);
        Assert.Throws<InvalidOperationException>(curriculum.Step);
        Steps(0.9, 0.3);        // mean 0.6
        Assert.Equal(0, curriculum.Progress);
        Steps(0.4);
        var resumed = Curriculum.ByActiveFraction(below: 0.5, stride: 0.4, window: 2);
        resumed.LoadState(curriculum.SaveState());
        resumed.Step(0.4);
        Assert.Equal(0.4, resumed.Progress);
        Steps(0.4);
        Assert.Equal(0.4, curriculum.Progress);
        Steps(0, 0, 0, 0);
        Assert.Equal(1, curriculum.Progress);
        Assert.Throws<ArgumentOutOfRangeException>(() => curriculum.Step(1.5));
        var state = new Dictionary<string, double>(curriculum.SaveState()) { ["sum"] = 7 };
        Assert.Throws<ArgumentException>(() => curriculum.CheckState(state));
        foreach (var (below, stride, window) in new[] { (-0.1, 0.1, 1), (0.5, 0, 1), (0.5, 1.1, 1), (0.5, 0.1, 0) })
            Assert.Throws<ArgumentOutOfRangeException>(() => Curriculum.ByActiveFraction(below, stride, window));

        void Steps(params double[] fractions)
        {
            foreach (var fraction in fractions) curriculum.Step(fraction);
        }
    }

    [Fact]
    public void AMarginThatIsRefused_ChangesNothing()
    {
        var curriculum = Curriculum.ByActiveFraction(stride: 0.5, window: 1);
        var (set, refuses) = (new List<double>(), false);
        _ = new ScheduledMargin(curriculum, 0, 1, set.Add);
        _ = new ScheduledMargin(curriculum, 0, 1, value => { if (refuses) throw new InvalidOperationException($"{value}"); });
        var later = Curriculum.ByActiveFraction(stride: 0.5, window: 1);
        later.Step(0);
        var before = curriculum.SaveState();
        refuses = true;
        Assert.Equal("0.5", Assert.Throws<InvalidOperationException>(() => curriculum.Step(0)).Message);
        Assert.Equal(before, curriculum.SaveState());
        Assert.Throws<InvalidOperationException>(() => curriculum.LoadState(later.SaveState()));
        Assert.Equal(before, curriculum.SaveState());
        Assert.Equal([1, 0, 0.5, 0, 0.5, 0], set);
        refuses = false;
        curriculum.Step(0);
        Assert.Equal(0.5, set[^1]);
        Assert.Equal(1, curriculum.Iteration);
    }

    /// <summary>A window that is full is never saved. With such a state, no window would ever end.</summary>
    [Fact]
    public void AFullWindow_IsRefused()
    {
        var curriculum = Curriculum.ByActiveFraction(window: 2);
        var state = new Dictionary<string, double>(curriculum.SaveState()) { ["counted"] = 2 };
        Assert.Throws<ArgumentException>(() => curriculum.LoadState(state));
    }

    [Theory, InlineData(0.1), InlineData(0.05), InlineData(0.01), InlineData(0.07), InlineData(1.0 / 3), InlineData(1.0 / 49)]
    public void StridesDoNotAddUpTheirRounding(double stride)
    {
        var curriculum = Curriculum.ByActiveFraction(stride: stride, window: 1);
        for (var count = 1; count <= Math.Ceiling(1 / stride - 1e-9); count++)
        {
            curriculum.Step(0);
            Assert.Equal(count * stride > 1 - 1e-12 ? 1 : count * stride, curriculum.Progress);
            var resumed = Curriculum.ByActiveFraction(stride: stride, window: 1);
            resumed.LoadState(curriculum.SaveState());
            curriculum = resumed;
        }
        Assert.Equal(1, curriculum.Progress);
    }

    [Fact]
    public void AMarginThatTheLossRefusesLater_IsRefusedAtOnce()
    {
        using var loss = new ArcFaceLoss(3, 4);
        var curriculum = Curriculum.Over(TrainingSpan.Iterations(4));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ScheduledMargin(curriculum, 0.1, 4, value => loss.Margin = value));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ScheduledMargin(curriculum, 4, 0.1, value => loss.Margin = value));
        curriculum.Step();      // the curriculum does not follow what it refused
        Assert.Equal(0.1, loss.Margin);
    }

    [Fact]
    public void AMargin_FollowsAtOnce_AfterEachStep_AndAfterRestoring()
    {
        using var loss = new ArcFaceLoss(3, 4);
        var curriculum = Curriculum.Over(TrainingSpan.Iterations(4));
        var margin = new ScheduledMargin(curriculum, 0.1, 0.5, value => loss.Margin = value);
        Assert.Equal(0.1, loss.Margin);
        curriculum.Step();
        Assert.Equal((0.2, 0.2), (loss.Margin, margin.Value));
        curriculum.LoadState(new Dictionary<string, double>(curriculum.SaveState()) { ["iteration"] = 3 });
        Assert.Equal(0.4, loss.Margin, 12);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ScheduledMargin(curriculum, 0.1, double.NaN, _ => { }));
        Assert.Throws<ArgumentOutOfRangeException>(() => loss.Margin = 4);
    }

    [Fact]
    public void AScheduledMiner_IsOneAfterTheOther()
    {
        using var scope = NewDisposeScope();
        var curriculum = Curriculum.Over(TrainingSpan.Iterations(4));
        var (easy, hard) = (new BatchEasyHardMiner(Hardness.Easy, Hardness.Easy), new BatchHardMiner());
        var miner = new ScheduledMiner(curriculum, (0, easy), (0.5, hard));
        var (x, y) = LossTable.Batch();
        Same(easy);
        curriculum.Step();
        Same(easy);
        curriculum.Step();
        Same(hard);
        Assert.Equal(Distance.Euclidean.Normalized(), new ScheduledMiner(curriculum,
            (0, new BatchHardMiner { Distance = Distance.Euclidean.Normalized() }),
            (0.5, new BatchHardMiner { Distance = Distance.Euclidean.Normalized() })).Distance);
        Assert.Throws<ArgumentException>(() => new ScheduledMiner(curriculum));
        Assert.Throws<ArgumentException>(() => new ScheduledMiner(curriculum, (0.1, easy)));
        Assert.Throws<ArgumentException>(() => new ScheduledMiner(curriculum, (0, easy), (0, hard)));
        Assert.Throws<ArgumentException>(() => new ScheduledMiner(curriculum, (0, easy), (1.1, hard)));
        Assert.Throws<ArgumentException>(() => new ScheduledMiner(curriculum, (0, easy), (0.5, new BatchHardMiner
        {
            Distance = Distance.Cosine,
        })));

        void Same(Miner expected)
        {
            Assert.Same(expected, miner.Current);
            Assert.Equal(Text(expected.Mine(x, y)), Text(miner.Mine(x, y)));
        }
    }

    [Fact]
    public void EasyToHard_TakesTheRankOfItsHardness_AndSkipsTheHardest()
    {
        using var scope = NewDisposeScope();
        // The anchor at 0 has 4 positives at 1 to 4 and 10 negatives at 5 to 14. The other rows are anchors too, but are not checked.
        var x = tensor(Enumerable.Range(0, 15).Select(i => (double)i).ToArray()).reshape(15, 1);
        var y = tensor(Enumerable.Range(0, 15).Select(i => i < 5 ? 0L : 1L).ToArray());
        var curriculum = Curriculum.Over(TrainingSpan.Iterations(2));
        Assert.Equal((1, 14), OfFirst(new EasyToHardMiner(curriculum)));
        Assert.Equal((2, 9), OfFirst(new EasyToHardMiner(curriculum) { StartHardness = 0.5 }));
        curriculum.Step();
        Assert.Equal((2, 9), OfFirst(new EasyToHardMiner(curriculum)));
        curriculum.Step();
        Assert.Equal((4, 5), OfFirst(new EasyToHardMiner(curriculum)));
        Assert.Equal((3, 7), OfFirst(new EasyToHardMiner(curriculum) { SkippedShare = 0.25 }));
        Assert.Equal(Text(new BatchHardMiner().Mine(x, y)), Text(new EasyToHardMiner(curriculum).Mine(x, y)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new EasyToHardMiner(curriculum) { SkippedShare = 1 });

        (long, long) OfFirst(Miner miner)
        {
            var triplets = miner.Mine(x, y).AsTriplets();
            return (triplets.Positives[0].item<long>(), triplets.Negatives[0].item<long>());
        }
    }

    private static string Text(Tuples tuples)
    {
        var triplets = tuples.AsTriplets();
        return string.Join(' ', new[] { triplets.Anchors, triplets.Positives, triplets.Negatives }
            .Select(values => string.Join(',', values.data<long>().ToArray())));
    }
}
