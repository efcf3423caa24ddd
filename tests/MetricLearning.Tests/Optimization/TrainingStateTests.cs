using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests parts that store numbers of their own in a checkpoint.</summary>
[LeavesNoTensors]
public sealed class TrainingStateTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("states").FullName;

    private string File => Path.Combine(folder, "run.safetensors");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>A run with a model, an optimizer, and four parts that have a state of their own.</summary>
    private sealed class Run : IDisposable
    {
        private readonly TripletLoss loss = new() { Miner = Miner.All };

        public Run()
        {
            random.manual_seed(2);
            Model = nn.Sequential(("body", nn.Linear(4, 4)), ("bn", nn.BatchNorm1d(4)), ("head", nn.Linear(4, 3)));
            Optimizer = optim.Adam(Model.parameters(), 0.01);
            Average = new ModelAverage(Model, 0.8);
            Curriculum = Curriculum.ByActiveFraction(below: 1, stride: 0.25, window: 2);
            Freeze = new StagedFreeze(Model, TrainingSpan.Iterations(4), ["body"]);
            _ = new ScheduledMargin(Curriculum, 0.1, 0.5, value => loss.Margin = value);
            Checkpoint.Add("model", Model);
            Checkpoint.Add("optimizer", Optimizer);
            Checkpoint.Add("freeze", Freeze);
            Checkpoint.Add("average", Average);
            Checkpoint.Add("curriculum", Curriculum);
            Checkpoint.Add("stop", Stop);
        }

        public TrainingCheckpoint Checkpoint { get; } = new();
        public nn.Module<Tensor, Tensor> Model { get; }
        public optim.Optimizer Optimizer { get; }
        public ModelAverage Average { get; }
        public Curriculum Curriculum { get; }
        public StagedFreeze Freeze { get; }
        public EarlyStop Stop { get; } = new();

        public void Steps(int from, int to)
        {
            for (var i = from; i < to; i++)
            {
                using var scope = NewDisposeScope();
                Model.train();
                Freeze.Apply();
                Optimizer.zero_grad();
                using var generator = new Generator((ulong)i);
                var x = rand(6, 4, generator: generator);
                loss.call(Model.call(x), tensor([0L, 0, 1, 1, 2, 2])).backward();
                Optimizer.step();
                Freeze.Step();
                Average.Update();
                Curriculum.Step(0.1 * (i % 5));
                Stop.Add(-i % 3);
            }
        }

        public string Describe()
        {
            using var scope = NewDisposeScope();
            var tensors = Model.state_dict().Concat(Average.StateTensors.Select(entry => KeyValuePair.Create("average " + entry.Key,
                entry.Value))).Select(entry => $"{entry.Key} {Convert.ToHexString(entry.Value.detach().bytes)}");
            return $"{string.Join('\n', tensors)} {loss.Margin:R} {Curriculum.Progress:R} {Stop.SinceBest} {Freeze.IsFrozen}";
        }

        public void Dispose()
        {
            Average.Dispose();
            Optimizer.Dispose();
            Model.Dispose();
            loss.Dispose();
        }
    }

    [Theory, InlineData(3), InlineData(6)]
    public void AResumedRun_EndsAsAWholeRun(int killedAfter)
    {
        using var whole = new Run();
        whole.Steps(0, 9);
        using (var first = new Run())
        {
            first.Steps(0, killedAfter);
            first.Checkpoint.Save(File);
        }
        using var second = new Run();
        second.Checkpoint.Load(File);
        second.Steps(killedAfter, 9);
        Assert.Equal(whole.Describe(), second.Describe());
    }

    /// <summary>Going back in the same process is as resuming in a new one: nothing of the time after the save remains.</summary>
    [Theory, InlineData(3, 6), InlineData(6, 7), InlineData(2, 3)]
    public void ARunThatGoesBack_EndsAsAWholeRun(int savedAfter, int loadedAfter)
    {
        using var whole = new Run();
        whole.Steps(0, 9);
        using var run = new Run();
        run.Steps(0, savedAfter);
        run.Checkpoint.Save(File);
        run.Steps(savedAfter, loadedAfter);
        using (var scope = NewDisposeScope()) run.Model.call(rand(6, 4)).sum().backward();
        run.Checkpoint.Load(File);
        Assert.All(run.Model.parameters(), parameter => Assert.Null(parameter.grad));
        run.Steps(savedAfter, 9);
        Assert.Equal(whole.Describe(), run.Describe());
    }

    [Fact]
    public void AMomentThatCannotBeLoaded_IsNamed_AndNothingChanges()
    {
        using var run = new Run();
        run.Checkpoint.Save(File);
        run.Steps(0, 3);
        string before;
        using (run.Average.Use())
        {
            before = run.Describe();
            Assert.Equal("The average is in use, so the model does not have its own weights: load after its scope.",
                Assert.Throws<InvalidOperationException>(() => run.Checkpoint.Load(File)).Message);
            Assert.Equal(before, run.Describe());
            Assert.Equal("The average is in use, so the model does not have its own weights: load after its scope.",
                Assert.Throws<InvalidOperationException>(() => run.Checkpoint.LoadModule(File, "model")).Message);
            Assert.Equal(before, run.Describe());
        }
    }

    [Fact]
    public void TheMessageOfARefusedState_NamesTheSetting_AndNoParameter()
    {
        var checkpoint = new TrainingCheckpoint();
        checkpoint.Add("easy to hard", Curriculum.Over(TrainingSpan.Iterations(10)));
        checkpoint.Save(File);
        var other = new TrainingCheckpoint();
        other.Add("easy to hard", Curriculum.Over(TrainingSpan.Iterations(20)));
        Assert.Equal($"{File} does not fit: the state of 'easy to hard' is refused: it was saved with end in iterations = 10, and here end "
            + "in iterations = 20.", Assert.Throws<InvalidDataException>(() => other.Load(File)).Message);
    }

    [Fact]
    public void APartThatDoesNotFit_IsNamed_AndNothingChanges()
    {
        using (var run = new Run())
        {
            run.Steps(0, 3);
            run.Checkpoint.Save(File);
        }
        using var other = new Run();
        var before = other.Describe();
        other.Checkpoint.Add("accumulation", new GradientAccumulation(other.Model.parameters(), 2));
        Assert.Contains("no part 'accumulation'", Assert.Throws<InvalidDataException>(() => other.Checkpoint.Load(File)).Message,
            StringComparison.Ordinal);

        using var strict = new Run();
        strict.Checkpoint.Add("extra", new Refusing());
        strict.Checkpoint.Save(File);
        var message = Assert.Throws<InvalidDataException>(() => strict.Checkpoint.Load(File)).Message;
        Assert.Contains("the state of 'extra' is refused: never.", message, StringComparison.Ordinal);
        Assert.Equal(before, other.Describe());
        Assert.Equal(before, strict.Describe());
        Assert.Throws<ArgumentException>(() => strict.Checkpoint.Add("average", new EarlyStop()));
    }

    [Fact]
    public void AMomentThatCannotBeSaved_LeavesTheOldFile()
    {
        using var run = new Run();
        run.Checkpoint.Save(File);
        var bytes = System.IO.File.ReadAllBytes(File);
        using (run.Average.Use()) Assert.Throws<InvalidOperationException>(() => run.Checkpoint.Save(File));
        Assert.Equal(bytes, System.IO.File.ReadAllBytes(File));
    }

    private sealed class Refusing : ITrainingState
    {
        public IReadOnlyDictionary<string, double> SaveState() => new Dictionary<string, double> { ["x"] = double.PositiveInfinity };

        public void CheckState(IReadOnlyDictionary<string, double> state)
        {
            Assert.Equal(double.PositiveInfinity, state["x"]);
            throw new ArgumentException("never");
        }

        public void LoadState(IReadOnlyDictionary<string, double> state) => throw new InvalidOperationException();
    }
}
