using MetricLearning.Testing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that a checkpoint continues every optimizer to the bit, and refuses one with other parameters at its places.</summary>
[LeavesNoTensors]
public sealed class OptimizerResumeTests : IDisposable
{
    private const int Saved = 5, Back = 8, Released = 9, End = 12;
    private readonly string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    private static readonly Dictionary<string, Func<Parameter[], Parameter[], OptimizerHelper>> optimizers = new()
    {
        [nameof(SGD)] = (a, b) => optim.SGD([new SGD.ParamGroup(a, 0.1, momentum: 0.9, weight_decay: 0.01),
            new SGD.ParamGroup(b, 0.05, momentum: 0.5, nesterov: true)], 0.1),
        [nameof(Adam)] = (a, b) => optim.Adam([new Adam.ParamGroup(a, 0.1, weight_decay: 0.1),
            new Adam.ParamGroup(b, 0.02, beta1: 0.5, amsgrad: true)]),
        [nameof(AdamW)] = (a, b) => optim.AdamW([new AdamW.ParamGroup(a, 0.1),
            new AdamW.ParamGroup(b, 0.02, weight_decay: 0.3, amsgrad: true)]),
        [nameof(NAdam)] = (a, b) => optim.NAdam([new NAdam.ParamGroup(a, 0.1), new NAdam.ParamGroup(b, 0.02, weight_decay: 0.1)]),
        [nameof(RAdam)] = (a, b) => optim.RAdam([new RAdam.ParamGroup(a, 0.1), new RAdam.ParamGroup(b, 0.02, weight_decay: 0.1)]),
        [nameof(Adamax)] = (a, b) => optim.Adamax([new Adamax.ParamGroup(a, 0.1), new Adamax.ParamGroup(b, 0.02, weight_decay: 0.1)]),
        [nameof(RMSProp)] = (a, b) => optim.RMSProp([new RMSProp.ParamGroup(a, 0.1),
            new RMSProp.ParamGroup(b, 0.02, momentum: 0.5, centered: true)]),
        [nameof(Adagrad)] = (a, b) => optim.Adagrad([new Adagrad.ParamGroup(a, 0.1),
            new Adagrad.ParamGroup(b, 0.02, lr_decay: 0.1, initial_accumulator_value: 0.5)]),
        [nameof(Adadelta)] = (a, b) => optim.Adadelta([new Adadelta.ParamGroup(a, 0.1), new Adadelta.ParamGroup(b, 0.02, rho: 0.5)]),
        [nameof(ASGD)] = (a, b) => optim.ASGD([new ASGD.ParamGroup(a, 0.1), new ASGD.ParamGroup(b, 0.02, t0: 1)]),
        [nameof(Rprop)] = (a, b) => optim.Rprop([new Rprop.ParamGroup(a, 0.1), new Rprop.ParamGroup(b, 0.02)]),
    };

    public static TheoryData<string, ScalarType, bool> Optimizers
    {
        get
        {
            var data = new TheoryData<string, ScalarType, bool>();
            foreach (var kind in optimizers.Keys)
                foreach (var type in new[] { ScalarType.Float32, ScalarType.Float64, ScalarType.BFloat16 })
                {
                    data.Add(kind, type, false);
                    if (kind is nameof(SGD) or nameof(Adam) or nameof(AdamW)) data.Add(kind, type, true);
                }
            return data;
        }
    }

    public void Dispose() => File.Delete(file);

    /// <summary>A run by two parameter groups and a schedule (Rprop takes none). A bias is frozen until step 9, and a layer never gets a
    /// gradient.</summary>
    private sealed class Run : IDisposable
    {
        private readonly Linear body, unused, head, scale;
        private readonly Sequential model;
        private readonly OptimizerHelper optimizer;
        private readonly CosineSchedule? schedule;
        private readonly bool safe;
        private readonly ScalarType type;

        public Run(string kind, ScalarType type, bool safe, int seed = 1)
        {
            random.manual_seed(seed);
            (this.type, this.safe) = (type, safe);
            (body, unused, head) = (nn.Linear(3, 4, dtype: type), nn.Linear(2, 2, dtype: type), nn.Linear(4, 2, dtype: type));
            scale = nn.Linear(1, 1, hasBias: false, dtype: type);
            model = nn.Sequential(("body", body), ("unused", unused), ("head", head), ("scale", scale));
            head.bias!.requires_grad_(false);
            optimizer = optimizers[kind]([.. body.parameters(), .. unused.parameters()], [.. head.parameters(), .. scale.parameters()]);
            Checkpoint.Add("model", model);
            Checkpoint.Add("optimizer", optimizer);
            Checkpoint.Numbers["step"] = 0;
            if (optimizer is Rprop) return;
            schedule = new CosineSchedule(optimizer, TrainingSpan.Iterations(20), warmUp: WarmUp.Linear(TrainingSpan.Iterations(3)));
            Checkpoint.Add("schedule", schedule);
        }

        public TrainingCheckpoint Checkpoint { get; } = new();

        public string Bits => string.Join('\n', model.state_dict().Select(entry =>
        {
            using var value = entry.Value.detach();
            return $"{entry.Key} {Convert.ToHexString(value.bytes)}";
        }));

        public void TrainTo(int end)
        {
            for (var step = (int)Checkpoint.Numbers["step"]; step < end; Checkpoint.Numbers["step"] = ++step)
            {
                using var scope = NewDisposeScope();
                using var generator = new Generator((ulong)step);
                head.bias!.requires_grad_(step >= Released);
                optimizer.zero_grad();
                var input = rand(8, 3, generator: generator).to(type);
                (head.call(body.call(input)) * scale.weight!.squeeze()).pow(2).sum().backward();
                if (safe) optimizer.SafeStep();
                else optimizer.step();
                schedule?.Step();
            }
        }

        public void Dispose()
        {
            optimizer.Dispose();
            model.Dispose();
        }
    }

    [Theory, MemberData(nameof(Optimizers))]
    public void EveryOptimizer_InGroups_GoesOnToTheBit(string kind, ScalarType type, bool safe)
    {
        using var whole = new Run(kind, type, safe);
        whole.TrainTo(Saved);
        whole.Checkpoint.Save(file);
        whole.TrainTo(End);

        using var resumed = new Run(kind, type, safe, seed: 2);
        resumed.Checkpoint.Load(file);
        resumed.TrainTo(End);
        Assert.Equal(whole.Bits, resumed.Bits);

        // Going back in the same process is as resuming in a new one.
        using var back = new Run(kind, type, safe);
        back.TrainTo(Back);
        back.Checkpoint.Load(file);
        back.TrainTo(End);
        Assert.Equal(whole.Bits, back.Bits);
    }

    /// <summary>The order of the entries in memory decides which kernel makes the step, so a resumed run must have that order.</summary>
    [Theory]
    [InlineData(nameof(SGD)), InlineData(nameof(Adam)), InlineData(nameof(AdamW))]
    public void WeightsOfOtherStrides_GoOnToTheBit(string kind)
    {
        using var held = NewDisposeScope();
        using var first = ChannelsLast(1);
        using var firstOptimizer = optimizers[kind]([first.weight!], [first.bias!]);
        Steps(first, firstOptimizer, 0, 4);
        Of(first, firstOptimizer).Save(file);
        Steps(first, firstOptimizer, 4, 9);

        using var second = ChannelsLast(2);
        using var secondOptimizer = optimizers[kind]([second.weight!], [second.bias!]);
        Of(second, secondOptimizer).Load(file);
        Steps(second, secondOptimizer, 4, 9);
        Assert.Equal(Values(first.weight!), Values(second.weight!));
        Assert.Equal(Strides(firstOptimizer), Strides(secondOptimizer));
        Assert.Contains(Strides(firstOptimizer), strides => strides == "27 1 9 3");

        static Conv2d ChannelsLast(int seed)
        {
            random.manual_seed(seed);
            var layer = nn.Conv2d(3, 17, 3);
            using var unchanging = no_grad();
            using var scope = NewDisposeScope();
            layer.weight!.set_(layer.weight.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2));
            return layer;
        }

        static void Steps(Conv2d layer, OptimizerHelper optimizer, int from, int to)
        {
            for (var step = from; step < to; step++)
            {
                using var scope = NewDisposeScope();
                using var generator = new Generator((ulong)step);
                optimizer.zero_grad();
                layer.call(rand([4, 3, 9, 7], generator: generator)).pow(2).sum().backward();
                optimizer.SafeStep();
            }
        }

        static List<string> Strides(OptimizerHelper optimizer) => [.. OptimizerStates.Of(optimizer)
            .SelectMany(entry => OptimizerStates.Tensors(entry.State))
            .Select(slot => slot.Get() is { } value ? string.Join(' ', value.stride()) : "none")];

        static float[] Values(Tensor tensor)
        {
            using var values = tensor.detach().contiguous();
            return values.data<float>().ToArray();
        }
    }

    /// <summary>An optimizer keeps its state by position. Where positions have parameters of equal shape, only the name tells them
    /// apart.</summary>
    [Fact]
    public void OtherParametersAtTheSamePlaces_AreRefused_AndNothingChanges()
    {
        using var model = nn.Sequential(("a", nn.Linear(4, 4)), ("b", nn.Linear(4, 4)));
        Parameter[] all = [.. model.parameters()];
        using var optimizer = optim.Adam([new Adam.ParamGroup(all[..2], 0.1), new Adam.ParamGroup(all[2..], 0.2)]);
        Of(model, optimizer).Save(file);
        Of(model, optimizer).Load(file);

        using var turned = optim.Adam([new Adam.ParamGroup(all[2..], 0.1), new Adam.ParamGroup(all[..2], 0.2)]);
        Refused(turned, "parameter 0 of 'optimizer' is model.a.weight (group 0) in it and model.b.weight (group 0) here");
        using var split = optim.Adam([new Adam.ParamGroup(all[..3], 0.1), new Adam.ParamGroup(all[3..], 0.2)]);
        Refused(split, "parameter 2 of 'optimizer' is model.b.weight (group 1) in it and model.b.weight (group 0) here");
        using var other = nn.Sequential(("a", nn.Linear(4, 4)), ("b", nn.Linear(4, 4)));
        Parameter[] stray = [.. other.parameters()];
        using var foreign = optim.Adam([new Adam.ParamGroup(stray[..2], 0.1), new Adam.ParamGroup(stray[2..], 0.2)]);
        Refused(foreign, "parameter 0 of 'optimizer' is model.a.weight (group 0) in it and of no module (group 0) here");

        void Refused(Adam given, string message)
        {
            Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Of(model, given).Load(file)).Message,
                StringComparison.Ordinal);
            Assert.Equal([0.1, 0.2], given.ParamGroups.Select(group => group.LearningRate));
        }
    }

    /// <summary>Files of earlier versions do not say which parameter a place has.</summary>
    [Fact]
    public void AFileWithoutPlaces_IsLoaded()
    {
        using var model = nn.Linear(2, 2);
        using var optimizer = optim.Adam(model.parameters(), 0.1);
        Of(model, optimizer).Save(file);
        var (text, tensors) = CheckpointFile.Read(file);
        using (tensors) CheckpointFile.Write(file, text with
        {
            Optimizers = text.Optimizers.ToDictionary(entry => entry.Key, entry => entry.Value with { Places = [] }),
        }, tensors);
        Of(model, optimizer).Load(file);
    }

    [Fact]
    public void ASparseMomentum_IsRefusedByName()
    {
        using var model = nn.Embedding(5, 4, sparse: true);
        using var optimizer = optim.SGD(model.parameters(), 0.1, momentum: 0.9);
        using (NewDisposeScope()) model.call(tensor([1L, 2])).sum().backward();
        optimizer.SafeStep();
        Assert.Contains("tensors must be dense, got a sparse one for 'optimizer.0.momentum_buffer'",
            Assert.Throws<ArgumentException>(() => Of(model, optimizer).Save(file)).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(file));
    }

    private static TrainingCheckpoint Of(nn.Module model, OptimizerHelper optimizer)
    {
        var checkpoint = new TrainingCheckpoint();
        checkpoint.Add("model", model);
        checkpoint.Add("optimizer", optimizer);
        return checkpoint;
    }
}
