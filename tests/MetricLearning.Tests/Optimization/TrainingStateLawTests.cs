using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that every part with numbers of its own resumes from every step. <see cref="SeededMinerTests"/> has the
/// miners.</summary>
[LeavesNoTensors]
public sealed class TrainingStateLawTests : IDisposable
{
    private const int Steps = 11;
    private readonly string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    /// <summary>A part, what a step of training does with it, and what else the part decides.</summary>
    private sealed record Part(ITrainingState State, Action<int> Step, Func<object> Outcome);

    /// <summary>Makes a part on a model that step i has changed i times.</summary>
    private static readonly Dictionary<string, Func<nn.Module, Part>> rows = new()
    {
        ["curriculum over a length"] = _ => Of(Curriculum.Over(TrainingSpan.Iterations(8), TrainingSpan.Iterations(3)),
            part => _ => part.Step(), part => part.Progress),
        ["curriculum by active fraction"] = _ => Of(Curriculum.ByActiveFraction(0.5, 0.3, window: 2),
            part => i => part.Step(i % 3 / 4.0), part => part.Progress),
        ["early stop"] = _ => Of(new EarlyStop(3, 0.1), part => i => part.Add(i == 4 ? double.NaN : Math.Sin(i)),
            part => (part.IsOver, part.Best, part.PlaceOfBest, part.SinceBest)),
        ["early stop of a loss"] = _ => Of(new EarlyStop(2, lowerIsBetter: true), part => i => part.Add(i == 2 ? -1 / 0.0 : i),
            part => (part.IsOver, part.Best, part.PlaceOfBest, part.SinceBest)),
        ["accumulation"] = model => Of(new GradientAccumulation(model.parameters(), 2), part => _ =>
        {
            using var scope = NewDisposeScope();
            part.Backward(model.parameters().First().sum());
        }, part => part.Pending),
        ["average"] = model => Of(new ModelAverage(model, 0.7), part => _ => part.Update(), part => part.Updates),
        ["average warmed up"] = model => Of(new ModelAverage(model, 0.9, 2.0 / 3), part => _ => part.Update(), part => part.Updates),
        ["freeze"] = model => Of(new StagedFreeze(model, TrainingSpan.Iterations(4), ["body"]), part => _ => part.Step(),
            part => (part.IsFrozen, string.Join(' ', model.parameters().Select(parameter => parameter.requires_grad)))),
    };

    public static TheoryData<string> Parts => [.. rows.Keys];

    public void Dispose() => File.Delete(file);

    [Fact]
    public void EveryPart_HasARow()
    {
        using var run = new Run("freeze");
        var all = typeof(ITrainingState).Assembly.GetExportedTypes().Where(type =>
            type.IsAssignableTo(typeof(ITrainingState)) && type is { IsInterface: false, IsAbstract: false }
            && !type.IsAssignableTo(typeof(Miner)));
        Assert.Empty(all.Except(rows.Values.Select(make =>
        {
            var part = make(run.Model).State;
            (part as IDisposable)?.Dispose();
            return part.GetType();
        })));
    }

    [Theory, MemberData(nameof(Parts))]
    public void APart_ResumesFromEveryStep(string name)
    {
        using var whole = new Run(name);
        whole.To(Steps);
        for (var saved = 0; saved <= Steps; saved++)
        {
            using var first = new Run(name);
            first.To(saved);
            if (!first.TrySave(file)) continue;
            using var resumed = new Run(name);
            resumed.Load(file, saved);
            Assert.Equal(first.Text, resumed.Text);
            resumed.To(Steps);
            Assert.Equal(whole.Text, resumed.Text);

            // Going back in the same process is as resuming in a new one.
            first.To(Steps);
            first.Load(file, saved);
            first.To(Steps);
            Assert.Equal(whole.Text, first.Text);
        }
    }

    private static Part Of<T>(T part, Func<T, Action<int>> step, Func<T, object> outcome) where T : ITrainingState =>
        new(part, step(part), () => outcome(part));

    private sealed class Run : IDisposable
    {
        private readonly TrainingCheckpoint checkpoint = new();
        private readonly Part part;
        private int step;

        public Run(string name)
        {
            random.manual_seed(1);
            Model = nn.Sequential(("body", nn.Linear(2, 2)), ("norm", nn.BatchNorm1d(2)));
            part = rows[name](Model);
            checkpoint.Add("model", Model);
            checkpoint.Add("part", part.State);
        }

        public nn.Module Model { get; }

        public void To(int end)
        {
            for (; step < end; step++)
            {
                using (no_grad())
                using (NewDisposeScope())
                    foreach (var value in Model.state_dict().Values) value.add_(step + 1);
                part.Step(step);
            }
        }

        /// <summary>Saves, unless the part is at a moment that it refuses by name.</summary>
        public bool TrySave(string path)
        {
            try
            {
                checkpoint.Save(path);
                return true;
            }
            catch (InvalidOperationException e)
            {
                Assert.Contains("not applied yet", e.Message, StringComparison.Ordinal);
                return false;
            }
        }

        public void Load(string path, int saved)
        {
            checkpoint.Load(path);
            step = saved;
        }

        public string Text
        {
            get
            {
                var tensors = Model.state_dict().Concat(part.State.StateTensors).Select(entry =>
                {
                    using var value = entry.Value.detach();
                    return $"{entry.Key} {Convert.ToHexString(value.bytes)}";
                });
                return $"{string.Join('\n', tensors)}\n{part.Outcome()}";
            }
        }

        public void Dispose()
        {
            (part.State as IDisposable)?.Dispose();
            Model.Dispose();
        }
    }
}
