using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that a checkpoint has everything that training changes in a loss: a resumed run ends as a whole one.</summary>
[LeavesNoTensors]
public sealed class LossResumeTests : IDisposable
{
    private const int Saved = 3, Steps = 7;
    private readonly string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    /// <summary>Losses in settings with a state, beside those of the tables.</summary>
    private static readonly Dictionary<string, Func<nn.Module>> others = new()
    {
        ["sampled classes"] = () => new ArcFaceLoss(LossTable.Classes, LossTable.Dimension, scale: 8) { Sampled = new SampledClasses(6) },
        ["curricularface with momentum"] = () => new CurricularFaceLoss(LossTable.Classes, LossTable.Dimension, scale: 8, momentum: 0.3),
        ["adaface with momentum"] = () => new AdaFaceLoss(LossTable.Classes, LossTable.Dimension, scale: 8, momentum: 0.3),
        ["memory that warms up"] = () =>
            new CrossBatchMemory(new ContrastiveLoss(negativeMargin: 2), LossTable.Dimension, capacity: 20) { WarmUp = 4 },
    };

    public static TheoryData<string> Losses => [.. LossTable.Names.Select(row => row.Data), .. ModuleTable.Names, .. others.Keys];

    public void Dispose() => File.Delete(file);

    [Theory, MemberData(nameof(Losses))]
    public void AResumedRun_EndsAsAWholeRun(string name)
    {
        using var whole = new Run(name, seed: 1);
        whole.To(Saved);
        whole.Checkpoint.Save(file);
        whole.To(Steps);
        using var resumed = new Run(name, seed: 2);
        resumed.To(1);
        resumed.Checkpoint.Load(file);
        resumed.To(Steps);
        Assert.Equal(whole.Bits, resumed.Bits);
    }

    private sealed class Run : IDisposable
    {
        private readonly TorchSharp.Modules.Linear model;
        private readonly nn.Module loss;
        private readonly optim.Optimizer optimizer;
        private double last;

        public Run(string name, int seed)
        {
            random.manual_seed(seed);
            model = nn.Linear(LossTable.Dimension, LossTable.Dimension);
            loss = others.TryGetValue(name, out var make) ? make()
                : ModuleTable.Names.Contains(name) ? ModuleTable.Create(name) : LossTable.Create(name);
            optimizer = optim.Adam(model.parameters().Concat(loss.parameters().Where(parameter => parameter.requires_grad)), 0.01);
            Checkpoint.Add("model", model);
            Checkpoint.Add("loss", loss);
            Checkpoint.Add("optimizer", optimizer);
            Checkpoint.Numbers["step"] = 0;
        }

        public TrainingCheckpoint Checkpoint { get; } = new();

        /// <summary>The weights, the state of the loss and its last value.</summary>
        public string Bits => string.Join('\n', model.state_dict().Concat(loss.state_dict()).Select(entry =>
        {
            using var value = entry.Value.detach();
            return $"{entry.Key} {Convert.ToHexString(value.bytes)}";
        })) + $"\n{last:R}";

        public void To(int end)
        {
            for (var step = (int)Checkpoint.Numbers["step"]; step < end; Checkpoint.Numbers["step"] = ++step)
            {
                using var scope = NewDisposeScope();
                optimizer.zero_grad();
                var (x, y) = LossTable.Batch(step + 10, ScalarType.Float32);
                var rows = model.call(x);
                var value = loss is MetricLoss own ? own.call(rows, y) : ModuleTable.Call(loss, rows, y);
                value.backward();
                optimizer.SafeStep();
                if (loss is ClassLoss { Sampled: { } sampled }) sampled.Step(0.1);
                last = value.item<float>();
            }
        }

        public void Dispose()
        {
            optimizer.Dispose();
            model.Dispose();
            loss.Dispose();
        }
    }
}
