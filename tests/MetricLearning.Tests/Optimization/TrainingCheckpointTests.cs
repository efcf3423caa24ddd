using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using MetricLearning.Testing;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public sealed class TrainingCheckpointTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("checkpoint").FullName;

    private string Last => Path.Combine(folder, TrainingCheckpoint.LastFile);

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>A small training run with everything that has a state: batch normalization, dropout, a learned loss, Adam, SGD, warm-up,
    /// P×K batches.</summary>
    private sealed class Run : IDisposable
    {
        private readonly Tensor inputs;
        private readonly long[] labels = [.. Enumerable.Range(0, 60).Select(i => i * 5L % 12)];

        public Run(int seed, long rowsSeed = 5)
        {
            using (var generator = new Generator((ulong)rowsSeed)) inputs = randn([60, 6], generator: generator).DetachFromDisposeScope();
            manual_seed(seed);
            Model = nn.Sequential(("first", nn.Linear(6, 16)), ("norm", nn.BatchNorm1d(16)), ("relu", nn.ReLU()), ("drop", nn.Dropout(0.3)),
                ("last", nn.Linear(16, 12)));
            Proxies = nn.Linear(12, 12, hasBias: false);
            Adam = optim.Adam(Model.parameters(), 0.01, amsgrad: true, weight_decay: 1e-4);
            Sgd = optim.SGD(Proxies.parameters(), 0.1, momentum: 0.9, nesterov: true);
            Sampler = new IdentitySampler(labels, 4, 3, seed: 11);
            Schedule = new MultiStepSchedule(Adam, [TrainingSpan.Epochs(2)], 0.1, WarmUp.Linear(TrainingSpan.Epochs(2.5)),
                Sampler.BatchesPerEpoch);
            Checkpoint.Add("model", Model);
            Checkpoint.Add("loss", Proxies);
            Checkpoint.Add("adam", Adam);
            Checkpoint.Add("sgd", Sgd);
            Checkpoint.Add("schedule", Schedule);
            Checkpoint.Add("sampler", Sampler);
        }

        public Sequential Model { get; }
        public Linear Proxies { get; }
        public Adam Adam { get; }
        public SGD Sgd { get; }
        public IdentitySampler Sampler { get; }
        public MultiStepSchedule Schedule { get; }
        public TrainingCheckpoint Checkpoint { get; } = new();

        /// <summary>Trains until this many iterations are done, over as many epochs as they take.</summary>
        public void TrainTo(int iterations)
        {
            Model.train();
            while (Schedule.Iteration < iterations)
            {
                Schedule.StartEpoch(Sampler.State.Epoch);
                foreach (var batch in Sampler.Batches())
                {
                    using var scope = NewDisposeScope();
                    Adam.zero_grad();
                    Sgd.zero_grad();
                    var targets = tensor(batch.Select(row => labels[row]).ToArray());
                    nn.functional.cross_entropy(Proxies.call(Model.call(inputs[tensor(batch)])), targets).backward();
                    Adam.step();
                    Sgd.step();
                    Schedule.Step();
                    if (Schedule.Iteration == iterations) break;
                }
            }
        }

        /// <summary>Everything that training changes, for comparison bit for bit.</summary>
        public string Bits()
        {
            var text = new StringBuilder();
            foreach (var module in new nn.Module[] { Model, Proxies })
                foreach (var (name, value) in module.state_dict()) text.Append(name).AppendLine(Convert.ToHexString(BytesOf(value)));
            foreach (var optimizer in new OptimizerHelper[] { Adam, Sgd })
                foreach (var (_, state) in OptimizerStates.Of(optimizer))
                {
                    foreach (var slot in OptimizerStates.Tensors(state)) text.Append(slot.Name)
                        .AppendLine(slot.Get() is { } value ? Convert.ToHexString(value.bytes) : "-");
                    foreach (var number in OptimizerStates.Numbers(state)) text.Append(number.Name)
                        .AppendLine(number.Get().ToString("R", null));
                }
            foreach (var group in Adam.ParamGroups.Concat(Sgd.ParamGroups)) text.AppendLine(
                $"{group.LearningRate:R} {group.InitialLearningRate:R}");
            using var random = get_rng_state();
            text.Append(Sampler.State).Append(Schedule.State).AppendLine(Convert.ToHexString(random.bytes));
            return text.ToString();
        }

        public void Dispose()
        {
            Adam.Dispose();
            Sgd.Dispose();
            Model.Dispose();
            Proxies.Dispose();
            inputs.Dispose();
        }
    }

    [Theory]
    [InlineData(5)]     // an epoch has 3 iterations, so this is in the middle of the second epoch
    [InlineData(6)]     // the end of the second epoch
    [InlineData(10)]    // in the middle of the fourth epoch
    public void AKilledAndResumedRun_EndsWithTheSameWeightsToTheBit(int killedAt)
    {
        string expected;
        using (var whole = new Run(1))
        {
            whole.TrainTo(17);
            expected = whole.Bits();
        }
        using (var killed = new Run(1))
        {
            killed.TrainTo(killedAt);
            killed.Checkpoint.Save(Last);
            killed.TrainTo(killedAt + 2);    // lost by the kill
        }
        using var resumed = new Run(2);    // other weights, another random state
        resumed.TrainTo(1);
        resumed.Checkpoint.Load(Last);
        Assert.Equal(killedAt, resumed.Schedule.Iteration);
        resumed.TrainTo(17);
        Assert.Equal(expected, resumed.Bits());
    }

    /// <summary>Programs that load only the weights can read the embedding space from the file. A changed record is detected.</summary>
    [Fact]
    public void TheEmbeddingSpace_IsInTheFile()
    {
        var space = new EmbeddingSpace { Architecture = "resnet18", Height = 64, Interpolation = "bicubic", Distance = "cosine" };
        using var model = nn.Linear(2, 3);
        var checkpoint = new TrainingCheckpoint { Space = space };
        checkpoint.Add("model", model);
        checkpoint.Save(Last);
        Assert.Equal(space, EmbeddingSpace.Read(Last));
        var other = new TrainingCheckpoint();
        other.Add("model", model);
        other.Load(Last);
        Assert.Equal(space, other.Space);
        var bytes = File.ReadAllBytes(Last);
        var place = bytes.AsSpan().IndexOf("resnet18"u8);
        bytes[place] = (byte)'R';
        File.WriteAllBytes(Last, bytes);
        Assert.Contains("its checksum is wrong", Assert.Throws<InvalidDataException>(() => other.Load(Last)).Message);
        Assert.Equal(space, other.Space);
        new TrainingCheckpoint().Save(Last);
        Assert.Null(EmbeddingSpace.Read(Last));
        var keeping = new TrainingCheckpoint { Space = space };
        keeping.Load(Last);
        Assert.Equal(space, keeping.Space);
    }

    [Fact]
    public void Load_InsideADisposeScope_LeavesAWorkingOptimizer()
    {
        using var run = new Run(1);
        run.TrainTo(3);
        run.Checkpoint.Save(Last);
        using var fresh = new Run(2);
        using (NewDisposeScope()) fresh.Checkpoint.Load(Last);
        Assert.Equal(run.Bits(), fresh.Bits());
        fresh.TrainTo(5);
    }

    public static TheoryData<string, bool> Optimizers()
    {
        var data = new TheoryData<string, bool>();
        foreach (var kind in new[] { "SGD", "SGD momentum", "Adam", "Adam amsgrad", "AdamW", "AdamW amsgrad", "NAdam", "RAdam", "Adamax",
            "RMSProp",
            "RMSProp centered momentum", "Adagrad", "Adadelta", "ASGD", "Rprop" })
            foreach (var wide in new[] { false, true }) data.Add(kind, wide);
        return data;
    }

    private static OptimizerHelper Make(string kind, IEnumerable<Parameter> parameters) => kind switch
    {
        "SGD" => optim.SGD(parameters, 0.1),
        "SGD momentum" => optim.SGD(parameters, 0.1, momentum: 0.9, weight_decay: 0.01),
        "Adam" => optim.Adam(parameters, 0.1),
        "Adam amsgrad" => optim.Adam(parameters, 0.1, amsgrad: true),
        "AdamW" => optim.AdamW(parameters, 0.1),
        "AdamW amsgrad" => optim.AdamW(parameters, 0.1, amsgrad: true),
        "NAdam" => optim.NAdam(parameters, 0.1),
        "RAdam" => optim.RAdam(parameters, 0.1),
        "Adamax" => optim.Adamax(parameters, 0.1),
        "RMSProp" => optim.RMSProp(parameters, 0.1),
        "RMSProp centered momentum" => optim.RMSProp(parameters, 0.1, momentum: 0.9, centered: true),
        "Adagrad" => optim.Adagrad(parameters, 0.1),
        "Adadelta" => optim.Adadelta(parameters, 0.1),
        "ASGD" => optim.ASGD(parameters, 0.1),
        "Rprop" => optim.Rprop(parameters, 0.1),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void EveryOptimizer_GoesOnToTheBit(string kind, bool wide)
    {
        var type = wide ? ScalarType.Float64 : ScalarType.Float32;
        using var input = rand(8, 3, dtype: type);
        using var first = nn.Linear(3, 2, dtype: type);
        using var firstOptimizer = Make(kind, first.parameters());
        Steps(first, firstOptimizer, 3);
        var saving = new TrainingCheckpoint();
        saving.Add("model", first);
        saving.Add("optimizer", firstOptimizer);
        saving.Save(Last);

        using var second = nn.Linear(3, 2, dtype: type);
        using var secondOptimizer = Make(kind, second.parameters());
        var loading = new TrainingCheckpoint();
        loading.Add("model", second);
        loading.Add("optimizer", secondOptimizer);
        loading.Load(Last);
        Steps(first, firstOptimizer, 3);
        Steps(second, secondOptimizer, 3);
        Assert.Equal(Hex(first), Hex(second));

        void Steps(Linear module, OptimizerHelper optimizer, int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var scope = NewDisposeScope();
                optimizer.zero_grad();
                module.call(input).pow(2).sum().backward();
                optimizer.step();
            }
        }
    }

    private static byte[] BytesOf(Tensor value)
    {
        using var detached = value.detach();
        return detached.bytes.ToArray();
    }

    private static string Hex(nn.Module module) =>
        string.Join(' ', module.state_dict().Select(entry => Convert.ToHexString(BytesOf(entry.Value))));

    [Fact]
    public void NumbersHistoriesAndNotes_ComeBack()
    {
        var saving = new TrainingCheckpoint { Numbers = { ["epoch"] = 7, ["best"] = 0.1 + 0.2, ["undefined"] = double.NaN } };
        saving.Histories["loss"] = [1.5, 1.0 / 3, double.PositiveInfinity];
        saving.Notes["recipe"] = "P×K \"16×4\"\nand more";
        saving.Save(Last);
        var loading = new TrainingCheckpoint { Numbers = { ["old"] = 1 } };
        loading.Load(Last);
        Assert.Equal(saving.Numbers, loading.Numbers);
        Assert.Equal(saving.Histories["loss"], loading.Histories["loss"]);
        Assert.Equal(saving.Notes, loading.Notes);
        Assert.Null(loading.BestScore);
    }

    [Fact]
    public void ReadNotes_NeedsNoParts_AndChecksTheFile()
    {
        using var run = new Run(1);
        run.Checkpoint.Notes["recipe"] = "P×K";
        run.Checkpoint.Save(Last);
        Assert.Equal("P×K", TrainingCheckpoint.ReadNotes(Last)["recipe"]);
        Assert.Throws<ArgumentException>(() => TrainingCheckpoint.ReadNotes(""));
        File.WriteAllBytes(Last, File.ReadAllBytes(Last)[..^1]);
        Assert.Throws<InvalidDataException>(() => TrainingCheckpoint.ReadNotes(Last));
    }

    [Fact]
    public void Unsaved_CountsFromTheLastSaveOrLoad()
    {
        var checkpoint = new TrainingCheckpoint();
        foreach (var act in new Action<string>[] { checkpoint.Save, checkpoint.Load })
        {
            while (checkpoint.Unsaved < TimeSpan.FromMilliseconds(20)) Thread.Sleep(1);
            var clock = System.Diagnostics.Stopwatch.StartNew();
            act(Last);
            Assert.True(checkpoint.Unsaved <= clock.Elapsed);
        }
    }

    [Fact]
    public void SaveLastAndBest_KeepsTheBest()
    {
        using var run = new Run(1);
        Assert.True(run.Checkpoint.SaveLastAndBest(folder, 0.5));
        run.TrainTo(2);
        var bits = run.Bits();
        Assert.True(run.Checkpoint.SaveLastAndBest(folder, 0.7));
        run.TrainTo(4);
        Assert.False(run.Checkpoint.SaveLastAndBest(folder, 0.6));
        Assert.False(run.Checkpoint.SaveLastAndBest(folder, double.NaN));
        using var best = new Run(2);
        best.Checkpoint.Load(Path.Combine(folder, TrainingCheckpoint.BestFile));
        Assert.Equal(bits, best.Bits());
        best.Checkpoint.Load(Last);
        Assert.Equal(4, best.Schedule.Iteration);
        Assert.Equal(0.7, best.Checkpoint.BestScore);
        Assert.False(best.Checkpoint.SaveLastAndBest(folder, 0.7));
        Assert.True(best.Checkpoint.SaveLastAndBest(folder, 0.69, lowerIsBetter: true));
    }

    [Fact]
    public void SaveLastAndBest_ThatFails_KeepsTheBestScore()
    {
        using var run = new Run(1);
        var inTheWay = Path.Combine(folder, "file");
        File.WriteAllText(inTheWay, "");
        Assert.ThrowsAny<IOException>(() => run.Checkpoint.SaveLastAndBest(inTheWay, 0.9));
        Assert.Null(run.Checkpoint.BestScore);
        Assert.True(run.Checkpoint.SaveLastAndBest(folder, 0.5));

        // The best file is written before the last one, so it is the best file's score that counts.
        var half = Directory.CreateDirectory(Path.Combine(folder, "half")).FullName;
        Directory.CreateDirectory(Path.Combine(half, TrainingCheckpoint.LastFile));
        Assert.ThrowsAny<SystemException>(() => run.Checkpoint.SaveLastAndBest(half, 0.6));
        Assert.True(File.Exists(Path.Combine(half, TrainingCheckpoint.BestFile)));
        Assert.Equal(0.6, run.Checkpoint.BestScore);
    }

    [Fact]
    public void LoadModule_TakesTheModelAlone()
    {
        using var run = new Run(1);
        run.TrainTo(3);
        run.Checkpoint.Save(Last);
        using var other = new Run(2);
        var evaluating = new TrainingCheckpoint { Numbers = { ["mine"] = 1 } };
        evaluating.Add("model", other.Model);
        var before = get_rng_state();
        evaluating.LoadModule(Last, "model");
        using (before)
        using (var after = get_rng_state()) Assert.Equal(before.bytes.ToArray(), after.bytes.ToArray());
        Assert.Equal(Hex(run.Model), Hex(other.Model));
        Assert.Equal(1, evaluating.Numbers["mine"]);
        Assert.Throws<ArgumentException>(() => evaluating.LoadModule(Last, "loss"));
    }

    [Fact]
    public void TheFile_IsASafetensorsFile()
    {
        using var run = new Run(1);
        run.Checkpoint.Save(Last);
        var bytes = File.ReadAllBytes(Last);
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        Assert.Equal(0, length % 8);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, length));
        Assert.All(header.RootElement.GetProperty("__metadata__").EnumerateObject(),
            entry => Assert.Equal(JsonValueKind.String, entry.Value.ValueKind));
        var weight = header.RootElement.GetProperty("model.first.weight");
        Assert.Equal("F32", weight.GetProperty("dtype").GetString());
        Assert.Equal([16, 6], weight.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32()));
        var from = 8 + length + weight.GetProperty("data_offsets")[0].GetInt32();
        Assert.Equal(BytesOf(((Linear)run.Model.children().First()).weight!), bytes[from..(from + 16 * 6 * 4)]);
    }

    [Fact]
    public void ADamagedFile_IsRefused_AndNothingChanges()
    {
        using (var run = new Run(1))
        {
            run.TrainTo(2);
            run.Checkpoint.Save(Last);
        }
        var good = File.ReadAllBytes(Last);
        using var target = new Run(2);
        target.TrainTo(1);
        target.Checkpoint.Numbers["mine"] = 1;
        var before = target.Bits();
        var random = new SeededRandom(1);
        var broken = Path.Combine(folder, "broken");

        // The file cut anywhere, with one bit flipped in the header or in the tensors, and with a byte added.
        for (var i = 0; i < 40; i++) Refused(good[..random.NextInt(good.Length)]);
        for (var i = 0; i < 120; i++)
        {
            var flipped = (byte[])good.Clone();
            flipped[random.NextInt(i < 80 ? 3_000 : flipped.Length)] ^= (byte)(1 << random.NextInt(8));
            Refused(flipped);
        }
        Refused([.. good, 0]);
        Refused([]);

        void Refused(byte[] bytes)
        {
            File.WriteAllBytes(broken, bytes);
            var error = Assert.Throws<InvalidDataException>(() => target.Checkpoint.Load(broken));
            Assert.StartsWith(broken + " is not a whole training checkpoint", error.Message, StringComparison.Ordinal);
            Assert.Equal(before, target.Bits());
            Assert.Equal(1, target.Checkpoint.Numbers["mine"]);
        }
    }

    [Fact]
    public void AForeignOrNewerFile_IsRefused()
    {
        var checkpoint = new TrainingCheckpoint();
        checkpoint.Save(Last);
        var newer = Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(File.ReadAllBytes(Last))
            .Replace("\"version\":\"1\"", "\"version\":\"2\"", StringComparison.Ordinal));
        File.WriteAllBytes(Last, newer);
        Assert.Contains("it has version 2, and this library reads version 1",
            Assert.Throws<InvalidDataException>(() => checkpoint.Load(Last)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(Last, [.. BitConverter.GetBytes(24L), .. "{\"__metadata__\":{\"a\":\"\"}}"u8]);
        Assert.Throws<InvalidDataException>(() => checkpoint.Load(Last));
        File.WriteAllText(Last, "{\"PK\": \"this is a text\"}");
        Assert.Throws<InvalidDataException>(() => checkpoint.Load(Last));
        using var weights = ones(3);
        SafeTensors.Write(Last, new Dictionary<string, Tensor> { ["w"] = weights });
        Assert.Contains("is not a whole training checkpoint: it is of another kind",
            Assert.Throws<InvalidDataException>(() => checkpoint.Load(Last)).Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => checkpoint.Load(Path.Combine(folder, "none")));
    }

    [Fact]
    public void AnotherModelOptimizerOrSampler_IsRefused_AndNothingChanges()
    {
        using var run = new Run(1);
        run.Checkpoint.Save(Last);
        using var model = nn.Sequential(("first", nn.Linear(6, 16)), ("norm", nn.BatchNorm1d(16)), ("last", nn.Linear(16, 13)));
        using var adamW = optim.AdamW(run.Model.parameters());
        using var fewer = optim.Adam(run.Model.parameters().Take(2), amsgrad: true);
        var otherData = new IdentitySampler([.. Enumerable.Range(0, 80).Select(i => i % 12L)], 4, 3, seed: 11);

        Refused("'model.last.weight' is Float32 [12, 16] in it and Float32 [13, 16] in the module", model: model);
        Refused("'adam' is Adam in it and AdamW here", adam: adamW);
        Refused("'adam' has 6 parameters in it and 2 here", adam: fewer);
        Refused("'sampler' has seed 11, batches of 12 and", sampler: otherData);

        var less = new TrainingCheckpoint();
        less.Add("model", run.Model);
        Assert.Contains("it holds the module 'loss', which has not been added",
            Assert.Throws<InvalidDataException>(() => less.Load(Last)).Message, StringComparison.Ordinal);
        var more = new TrainingCheckpoint();
        more.Add("models", run.Model);
        Assert.Contains("it holds no module 'models'", Assert.Throws<InvalidDataException>(() => more.Load(Last)).Message,
            StringComparison.Ordinal);

        void Refused(string message, nn.Module? model = null, OptimizerHelper? adam = null, Sampler? sampler = null)
        {
            var checkpoint = new TrainingCheckpoint();
            checkpoint.Add("model", model ?? run.Model);
            checkpoint.Add("loss", run.Proxies);
            checkpoint.Add("adam", adam ?? run.Adam);
            checkpoint.Add("sgd", run.Sgd);
            checkpoint.Add("schedule", run.Schedule);
            checkpoint.Add("sampler", sampler ?? run.Sampler);
            run.TrainTo((int)run.Schedule.Iteration + 1);
            var before = run.Bits();
            Assert.Contains(message, Assert.Throws<InvalidDataException>(() => checkpoint.Load(Last)).Message, StringComparison.Ordinal);
            Assert.Equal(before, run.Bits());
        }
    }

    /// <summary>Changes that make one detail of a file impossible to restore. The key is the expected message. The changed file has the
    /// right checksum.</summary>
    private static readonly Dictionary<string, Func<CheckpointText, Dictionary<string, Tensor>, CheckpointText>> impossible = new()
    {
        ["the state of 'sampler' is refused"] = (text, _) => text with { Samplers = new Dictionary<string, SavedSampler>
        {
            ["sampler"] = text.Samplers["sampler"] with { State = text.Samplers["sampler"].State with { Position = 1_000_000 } },
        } },
        ["the state of 'schedule' is refused"] = (text, _) => text with { Schedules = new Dictionary<string, ScheduleState>
        {
            ["schedule"] = new(3, 1, 4),
        } },
        ["it lacks numbers of 'sgd'"] = (text, _) => text with { Optimizers = With(text, "sgd", sgd => sgd with { Numbers = [] }) },
        ["it holds 2 numbers of 'adam.1.*', and there are 1"] = (text, _) => text with
        {
            Optimizers = With(text, "adam", adam => adam with { Numbers = [.. adam.Numbers.Select((own, i) => i == 1 ? [1, 2] : own)] }),
        },
        ["'adam.0.exp_avg' is Float32 [3] in it, and its parameter is Float32 [16, 6]"] = (text, tensors) =>
        {
            tensors["adam.0.exp_avg"] = zeros(3);
            return text;
        },
        ["it holds no random state"] = (text, tensors) =>
        {
            tensors.Remove("rng.torch");
            return text;
        },
        ["its random state is Byte [3]"] = (text, tensors) =>
        {
            tensors["rng.torch"] = zeros(3, ScalarType.Byte);
            return text;
        },
        ["its random state is not one of torch's generator"] = (text, tensors) =>
        {
            tensors["rng.torch"] = zeros_like(tensors["rng.torch"]);
            return text;
        },
    };

    public static TheoryData<string> Impossible => [.. impossible.Keys];

    private static Dictionary<string, SavedOptimizer> With(CheckpointText text, string name, Func<SavedOptimizer, SavedOptimizer> change) =>
        text.Optimizers.ToDictionary(entry => entry.Key, entry => entry.Key == name ? change(entry.Value) : entry.Value);

    [Theory]
    [MemberData(nameof(Impossible))]
    public void AStateThatIsNotPossible_IsRefused_AndNothingChanges(string message)
    {
        using var run = new Run(1);
        run.TrainTo(3);
        run.Checkpoint.Save(Last);
        var (text, tensors) = CheckpointFile.Read(Last);
        using (tensors)
        using (NewDisposeScope())
        {
            var changed = tensors.ToDictionary(entry => entry.Key, entry => entry.Value);
            CheckpointFile.Write(Last, impossible[message](text, changed), changed);
        }
        using var other = new Run(2);
        other.TrainTo(4);
        other.Checkpoint.Numbers["mine"] = 1;
        var before = other.Bits();
        var error = Assert.Throws<InvalidDataException>(() => other.Checkpoint.Load(Last));
        Assert.StartsWith($"{Last} does not fit: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(before, other.Bits());
        Assert.Equal(1, other.Checkpoint.Numbers["mine"]);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("not JSON")]
    [InlineData("{\"modules\":[1]}")]
    public void ATextOfAnotherForm_IsRefused(string json)
    {
        Assert.Throws<FormatException>(() => CheckpointText.Parse(json));
        var whole = new TrainingCheckpoint { Notes = { ["a"] = "b" } };
        whole.Save(Last);
        var (text, tensors) = CheckpointFile.Read(Last);
        tensors.Dispose();
        Assert.Equal("b", CheckpointText.Parse(text.ToJson()).Notes["a"]);
    }

    /// <summary>JSON would replace half of a surrogate pair by U+FFFD. Whole pairs come back.</summary>
    [Fact]
    public void HalfOfASurrogatePair_IsRefused_BeforeTheFileIsWritten()
    {
        const string half = "cut \ud83d", whole = "cut \ud83d\ude00";
        foreach (var (setting, checkpoint) in new (string, TrainingCheckpoint)[]
        {
            ("Notes", new() { Notes = { ["recipe"] = half } }), ("Notes", new() { Notes = { [half] = "recipe" } }),
            ("Numbers", new() { Numbers = { [half] = 1 } }), ("Histories", new() { Histories = { [half] = [1] } }),
            ("SaveState", With(new HalfNamed())),
        })
        {
            var error = Assert.Throws<ArgumentException>(() => checkpoint.Save(Last));
            Assert.Equal(setting, error.ParamName);
            Assert.StartsWith($"{setting} must be valid Unicode, but 'cut \\ud83d' is cut in the middle of a character", error.Message,
                StringComparison.Ordinal);
        }
        Assert.Equal("name", Assert.Throws<ArgumentException>(() => With(new HalfNamed(), half)).ParamName);
        Assert.Empty(Directory.GetFiles(folder));
        new TrainingCheckpoint { Notes = { [whole] = whole } }.Save(Last);
        Assert.Equal(whole, TrainingCheckpoint.ReadNotes(Last)[whole]);

        static TrainingCheckpoint With(ITrainingState part, string name = "part")
        {
            var checkpoint = new TrainingCheckpoint();
            checkpoint.Add(name, part);
            return checkpoint;
        }
    }

    private sealed class HalfNamed : ITrainingState
    {
        public IReadOnlyDictionary<string, double> SaveState() => new Dictionary<string, double> { ["cut \ud83d"] = 1 };

        public void CheckState(IReadOnlyDictionary<string, double> state) { }

        public void LoadState(IReadOnlyDictionary<string, double> state) { }
    }

    [Fact]
    public void ANullNote_IsRefused_BeforeTheFileIsWritten()
    {
        var checkpoint = new TrainingCheckpoint { Notes = { ["recipe"] = null! } };
        Assert.Contains("Notes must hold no null", Assert.Throws<ArgumentException>(() => checkpoint.Save(Last)).Message,
            StringComparison.Ordinal);
        checkpoint = new TrainingCheckpoint { Histories = { ["loss"] = null! } };
        Assert.Throws<ArgumentException>(() => checkpoint.Save(Last));
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public void AFailedSave_LeavesTheOldFile()
    {
        using var run = new Run(1);
        run.TrainTo(2);
        run.Checkpoint.Save(Last);
        var bits = run.Bits();

        using var complex = nn.Linear(2, 2, dtype: ScalarType.ComplexFloat32);
        var failing = new TrainingCheckpoint();
        failing.Add("model", complex);
        Assert.Throws<ArgumentException>(() => failing.Save(Last));
        Assert.Equal([Last], Directory.GetFiles(folder));
        run.TrainTo(4);
        run.Checkpoint.Load(Last);
        Assert.Equal(bits, run.Bits());
    }

    /// <summary>As the pages say: the settings of an optimizer are those of the file, and may be changed after loading.</summary>
    [Fact]
    public void TheSettingsOfAnOptimizer_AreThoseOfTheFile_UntilTheyAreChanged()
    {
        using var module = nn.Linear(2, 2);
        using var saved = optim.Adam(module.parameters(), 0.01, weight_decay: 0.5);
        var checkpoint = new TrainingCheckpoint();
        checkpoint.Add("optimizer", saved);
        checkpoint.Save(Last);

        using var optimizer = optim.Adam(module.parameters(), 0.2);
        var schedule = new MultiStepSchedule(optimizer, [TrainingSpan.Iterations(1)], 0.1);
        var loaded = new TrainingCheckpoint();
        loaded.Add("optimizer", optimizer);
        loaded.Load(Last);
        Assert.Equal(0.01, schedule.LearningRateAt(0));
        Assert.Equal(0.5, ((Adam.Options)((Adam.ParamGroup)optimizer.ParamGroups.Single()).Options).weight_decay);
        foreach (var group in optimizer.ParamGroups) group.InitialLearningRate = 0.3;
        schedule.Step();
        Assert.Equal(0.03, schedule.LearningRate, 1e-15);
    }

    [Fact]
    public void Add_RefusesWhatCannotBeSaved()
    {
        using var module = nn.Linear(2, 2);
        using var optimizer = optim.LBFGS(module.parameters());
        var checkpoint = new TrainingCheckpoint();
        checkpoint.Add("model", module);
        Assert.Contains("LBFGS does not give its state", Assert.Throws<NotSupportedException>(() => checkpoint.Add("o", optimizer)).Message,
            StringComparison.Ordinal);
        Assert.Contains("'model' is taken", Assert.Throws<ArgumentException>(() => checkpoint.Add("model", module)).Message,
            StringComparison.Ordinal);
        Assert.Contains("no dot", Assert.Throws<ArgumentException>(() => checkpoint.Add("a.b", module)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>("module", () => checkpoint.Add("x", (nn.Module)null!));
        Assert.Throws<ArgumentNullException>("optimizer", () => checkpoint.Add("x", (optim.Optimizer)null!));
        Assert.Throws<ArgumentNullException>("schedule", () => checkpoint.Add("x", (LearningRateSchedule)null!));
        Assert.Throws<ArgumentNullException>("sampler", () => checkpoint.Add("x", (Sampler)null!));
        Assert.Throws<ArgumentNullException>("part", () => checkpoint.Add("x", (ITrainingState)null!));
        Assert.Contains("'rng' is taken", Assert.Throws<ArgumentException>(() => checkpoint.Add("rng", module)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void SaveAndLoad_LeaveNoTensorsBehind()
    {
        using var run = new Run(1);
        run.TrainTo(2);
        run.Checkpoint.Save(Last);
        run.Checkpoint.Load(Last);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 3; i++)
        {
            run.Checkpoint.Save(Last);
            run.Checkpoint.Load(Last);
        }
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
