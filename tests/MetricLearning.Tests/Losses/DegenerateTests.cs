using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>
/// Tests every loss and every miner on every kind of batch that other libraries get wrong. docs/losses.md states the outcome of each cell,
/// under "What holds for every loss" or in the row of the loss. The rows are <see cref="LossTable"/>, <see cref="ModuleTable"/> and
/// <see cref="MinerTable"/>. Each new class must get a row. All three tables have the same columns.
/// </summary>
[LeavesNoTensors]
public class DegenerateTests
{
    private static readonly Page page = Page.Read("docs", "losses.md");

    private static readonly Dictionary<string, Action<string>> lossColumns = new()
    {
        ["0 rows"] = name => Assert.Equal(0, Loss(name, Rows(0), zeros(0, ScalarType.Int64))),
        ["1 row"] = name => NothingToCompare(name, Rows(1), zeros(1, ScalarType.Int64)),
        ["one class"] = name => NothingToCompare(name, Rows(6), zeros(6, ScalarType.Int64)),
        ["all singletons"] = name => NothingToCompare(name, Rows(6), arange(6, ScalarType.Int64)),
        ["duplicate rows"] = name =>
        {
            foreach (var dtype in new[] { ScalarType.Float32, ScalarType.Float64 })
            {
                Loss(name, ones([6, LossTable.Dimension], dtype), tensor([0L, 0, 1, 1, 2, 2]));
                Loss(name, zeros([6, LossTable.Dimension], dtype), tensor([0L, 0, 1, 1, 2, 2]));
                Loss(name, Rows(3).repeat(2, 1).to(dtype), tensor([0L, 0, 1, 0, 1, 2]));
            }
        },
        ["uneven classes"] = name => Loss(name, Rows(12), tensor([0L, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 3])),
        ["NaN row"] = name => NotFinite(name, double.NaN),
        ["infinite row"] = name => { NotFinite(name, double.PositiveInfinity); NotFinite(name, double.NegativeInfinity); },
        ["float16"] = name => Half(name, ScalarType.Float16),
        ["bfloat16"] = name => Half(name, ScalarType.BFloat16),
        ["float64"] = name =>
            { using var loss = LossTable.Create(name); Assert.Equal(ScalarType.Float64, loss.call(Rows(12), Labels).dtype); },
        ["not contiguous"] = name => Assert.Equal(Loss(name, Rows(12), Labels), Loss(name, Rows(12).t().contiguous().t(), Labels), 10),
        ["wrong rank"] = name =>
        {
            Throws(name, Rows(12).unsqueeze(2), Labels, "embeddings must be [N, D], got [12, 6, 1].");
            Throws(name, Rows(12).select(1, 0), Labels, "embeddings must be [N, D], got [12].");
        },
        ["label/row mismatch"] = name => Throws(name, Rows(12), Labels.narrow(0, 0, 11),
            "labels must be [12], one label per row, got [11]."),
        ["negative label"] = name => OtherLabel(name, -1),
        ["too large label"] = name => OtherLabel(name, long.MaxValue),
    };

    private static readonly Dictionary<string, Action<string>> minerColumns = new()
    {
        ["0 rows"] = name => Assert.Equal((0, 0), Counts(name, Rows(0), zeros(0, ScalarType.Int64))),
        ["1 row"] = name => Assert.Equal((0, 0), Counts(name, Rows(1), zeros(1, ScalarType.Int64))),
        ["one class"] = name => Assert.Equal(0, Counts(name, Rows(6), zeros(6, ScalarType.Int64)).Negatives),
        ["all singletons"] = name => Assert.Equal(0, Counts(name, Rows(6), arange(6, ScalarType.Int64)).Positives),
        ["duplicate rows"] = name =>
        {
            Counts(name, ones([6, LossTable.Dimension]), tensor([0L, 0, 1, 1, 2, 2]));
            Counts(name, zeros([6, LossTable.Dimension]), tensor([0L, 0, 1, 1, 2, 2]));
        },
        ["uneven classes"] = name => Counts(name, Rows(12), tensor([0L, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 3])),
        ["NaN row"] = name => BrokenRow(name, double.NaN),
        ["infinite row"] = name => { BrokenRow(name, double.PositiveInfinity); BrokenRow(name, double.NegativeInfinity); },
        ["float16"] = name =>
            Assert.Equal(Mined(name, Rows(12).to(ScalarType.Float16).to(ScalarType.Float32), Labels),
            Mined(name, Rows(12).to(ScalarType.Float16), Labels)),
        ["bfloat16"] = name =>
            Assert.Equal(Mined(name, Rows(12).to(ScalarType.BFloat16).to(ScalarType.Float32), Labels),
            Mined(name, Rows(12).to(ScalarType.BFloat16), Labels)),
        ["float64"] = name => Assert.Equal(Mined(name, Rows(12).to(ScalarType.Float32), Labels), Mined(name, Rows(12), Labels)),
        ["not contiguous"] = name => Assert.Equal(Mined(name, Rows(12), Labels), Mined(name, Rows(12).t().contiguous().t(), Labels)),
        ["wrong rank"] = name =>
        {
            Assert.StartsWith("embeddings must be [N, D], got [12].", Message(() => Lists(name, Rows(12).select(1, 0), Labels)));
            if (name != MinerTable.Clusters)
                Assert.StartsWith("distances must be [12, 12], got [12].",
                    Message(() => MinerTable.Create(name).Mine(zeros(12), Pairs.FromLabels(Labels))));
        },
        ["label/row mismatch"] = name =>
        {
            Assert.StartsWith("labels must be [12], one label per row, got [11].",
                Message(() => Lists(name, Rows(12), Labels.narrow(0, 0, 11))));
            if (name != MinerTable.Clusters)
                Assert.StartsWith("distances must be [11, 11], got [12, 12].",
                    Message(() => MinerTable.Create(name).Mine(zeros(12, 12), Pairs.FromLabels(Labels.narrow(0, 0, 11)))));
        },
        ["negative label"] = name => Assert.Equal(Mined(name, Rows(12), Labels), Mined(name, Rows(12), Labels - 3)),
        ["too large label"] = name => Assert.Equal(Mined(name, Rows(12), Labels), Mined(name, Rows(12), long.MaxValue - Labels)),
    };

    /// <summary>For losses on logits, the 6 features are the classes. Losses of two views take no labels: for them, the columns on labels
    /// vary the number of rows of the second view.</summary>
    private static readonly Dictionary<string, Action<string>> moduleColumns = new()
    {
        ["0 rows"] = name => Assert.Equal(0, Module(name, Rows(0), zeros(0, ScalarType.Int64))),
        ["1 row"] = name => Module(name, Rows(1), zeros(1, ScalarType.Int64)),
        ["one class"] = name => Module(name, Rows(6), zeros(6, ScalarType.Int64)),
        ["all singletons"] = name => Module(name, Rows(6), arange(6, ScalarType.Int64)),
        ["duplicate rows"] = name =>
        {
            foreach (var dtype in new[] { ScalarType.Float32, ScalarType.Float64 })
            {
                Module(name, ones([6, LossTable.Dimension], dtype), tensor([0L, 0, 1, 1, 2, 2]));
                Module(name, zeros([6, LossTable.Dimension], dtype), tensor([0L, 0, 1, 1, 2, 2]));
            }
        },
        ["uneven classes"] = name => Module(name, Rows(12), tensor([0L, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 3])),
        ["NaN row"] = name => ModuleNotFinite(name, double.NaN),
        ["infinite row"] = name =>
        {
            // An infinite logit is not an error: it means a probability of 0 or 1. The cost of a class is then infinite or NaN.
            ModuleNotFinite(name, double.PositiveInfinity, orInfinite: ModuleTable.IsOnLogits(name));
            if (!ModuleTable.IsOnLogits(name)) ModuleNotFinite(name, double.NegativeInfinity);
        },
        ["float16"] = name => ModuleHalf(name, ScalarType.Float16),
        ["bfloat16"] = name => ModuleHalf(name, ScalarType.BFloat16),
        ["float64"] = name =>
            { using var module = ModuleTable.Create(name); Assert.Equal(ScalarType.Float64,
            ModuleTable.Call(module, Rows(12), Labels).dtype); },
        ["not contiguous"] = name => Assert.Equal(Module(name, Rows(12), Labels), Module(name, Rows(12).t().contiguous().t(), Labels), 10),
        ["wrong rank"] = name =>
        {
            var expected = $"{ModuleTable.Argument(name)} must be [N, {(ModuleTable.Argument(name) == "logits" ? "C" : "D")}], got ";
            ModuleThrows(name, Rows(12).unsqueeze(2), Labels, expected + "[12, 6, 1].");
            ModuleThrows(name, Rows(12).select(1, 0), Labels, expected + "[12].");
        },
        ["label/row mismatch"] = name => ModuleThrows(name, Rows(12), Labels.narrow(0, 0, 11), ModuleTable.IsOfViews(name)
            ? $"{ModuleTable.Argument(name)} and " : "labels must be [12], one label per row, got [11]."),
        ["negative label"] = name => ModuleLabel(name, -1),
        ["too large label"] = name => ModuleLabel(name, long.MaxValue),
    };

    public static MatrixTheoryData<string, string> LossCells => new(LossTable.Names.Select(row => row.Data), lossColumns.Keys);

    public static MatrixTheoryData<string, string> MinerCells => new(MinerTable.NamesWithClusters, minerColumns.Keys);

    public static MatrixTheoryData<string, string> ModuleCells => new(ModuleTable.Names, moduleColumns.Keys);

    [Theory, MemberData(nameof(LossCells))]
    public void Loss_HasTheStatedOutcome(string loss, string batch)
    {
        using var scope = NewDisposeScope();
        lossColumns[batch](loss);
    }

    [Theory, MemberData(nameof(MinerCells))]
    public void Miner_HasTheStatedOutcome(string miner, string batch)
    {
        using var scope = NewDisposeScope();
        minerColumns[batch](miner);
    }

    [Theory, MemberData(nameof(ModuleCells))]
    public void Module_HasTheStatedOutcome(string module, string batch)
    {
        using var scope = NewDisposeScope();
        moduleColumns[batch](module);
    }

    [Fact]
    public void NoCellIsEmpty()
    {
        Assert.Equal(lossColumns.Keys, minerColumns.Keys);
        Assert.Equal(lossColumns.Keys, moduleColumns.Keys);
    }

    [Fact]
    public void EveryMiner_HasARow()
    {
        var all = typeof(Miner).Assembly.GetExportedTypes().Where(type => type.IsSubclassOf(typeof(Miner)) && !type.IsAbstract);
        Assert.Empty(all.Except(MinerTable.Names.Select(name => MinerTable.Create(name).GetType())));
    }

    private static Tensor Labels => LossTable.Batch().Labels;

    private static Tensor Rows(long count) => LossTable.Batch().Embeddings.narrow(0, 0, count);

    /// <summary>Returns the value, and checks that it and its gradients are finite.</summary>
    private static double Loss(string name, Tensor embeddings, Tensor labels)
    {
        using var loss = LossTable.Create(name);
        return Loss(loss, embeddings, labels);
    }

    private static double Loss(MetricLoss loss, Tensor embeddings, Tensor labels) => Value(x => loss.call(x, labels), embeddings);

    private static double Value(Func<Tensor, Tensor> of, Tensor embeddings)
    {
        var x = embeddings.detach().clone().requires_grad_();
        var value = of(x);
        value.backward();
        Assert.True(value.isfinite().item<bool>());
        Assert.True(x.grad!.isfinite().all().item<bool>());
        Assert.Equal(x.dtype, value.dtype);
        return value.to(ScalarType.Float64).item<double>();
    }

    private static double Module(string name, Tensor embeddings, Tensor labels)
    {
        using var module = ModuleTable.Create(name);
        return Value(x => ModuleTable.Call(module, x, labels), embeddings);
    }

    private static void ModuleNotFinite(string name, double what, bool orInfinite = false)
    {
        for (var row = 0L; row < 12; row++)
        {
            using var module = ModuleTable.Create(name);
            var x = Rows(12).clone();
            x[row, 2] = what;
            var value = ModuleTable.Call(module, x, Labels).item<double>();
            Assert.True(double.IsNaN(value) || (orInfinite && double.IsPositiveInfinity(value)), $"row {row}: {value}");
        }
    }

    private static void ModuleHalf(string name, ScalarType half)
    {
        using var module = ModuleTable.Create(name);
        using var another = ModuleTable.Create(name);
        var x = Rows(12).to(half).requires_grad_();
        var value = ModuleTable.Call(module, x, Labels);
        value.backward();
        Assert.Equal((ScalarType.Float32, half), (value.dtype, x.grad!.dtype));
        Assert.True(x.grad!.isfinite().all().item<bool>());
        Assert.True(value.isfinite().item<bool>());
    }

    private static void ModuleThrows(string name, Tensor embeddings, Tensor labels, string message)
    {
        using var module = ModuleTable.Create(name);
        Assert.StartsWith(message, Message(() => ModuleTable.Call(module, embeddings, labels)));
    }

    private static void ModuleLabel(string name, long label)
    {
        var y = Labels.masked_fill(Labels == 3, label); // of which row 5 is the first
        if (ModuleTable.IsOnLogits(name)) ModuleThrows(name, Rows(12), y,
            $"labels must be in [0, {LossTable.Dimension}), got {label} in row 5.");
        else Assert.Equal(Module(name, Rows(12), Labels), Module(name, Rows(12), y), 12);
    }

    /// <summary>The value is 0 unless the loss's row of the documentation states another outcome.</summary>
    private static void NothingToCompare(string name, Tensor embeddings, Tensor labels)
    {
        using var loss = LossTable.Create(name);
        var value = Loss(loss, embeddings, labels);
        var rows = page.Rows("Losses").Where(row => row[0].Contains($"`{loss.GetType().Name}", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(rows);
        var stated = rows.Select(row => row[^1]).ToList();
        Assert.DoesNotContain("", stated);
        if (stated.TrueForAll(outcome => outcome == "as above")) Assert.Equal(0, value);
    }

    private static void NotFinite(string name, double what)
    {
        for (var row = 0L; row < 12; row++)
        {
            using var loss = LossTable.Create(name);
            var x = Rows(12).clone();
            x[row, 2] = what;
            Assert.True(double.IsNaN(loss.call(x, Labels).item<double>()), $"row {row}");
            Assert.Equal(1, loss.Report(x, Labels).NonFinite);
        }
    }

    private static void Half(string name, ScalarType half)
    {
        using var loss = LossTable.Create(name);
        var x = Rows(12).to(half).requires_grad_();
        var value = loss.call(x, Labels);
        value.backward();
        Assert.Equal((ScalarType.Float32, half), (value.dtype, x.grad!.dtype));
        Assert.Equal(loss.call(x.detach().to(ScalarType.Float32), Labels).item<float>(), value.item<float>());
    }

    private static void Throws(string name, Tensor embeddings, Tensor labels, string message)
    {
        using var loss = LossTable.Create(name);
        Assert.StartsWith(message, Message(() => loss.call(embeddings, labels)));
    }

    /// <summary>A loss with a number of classes refuses the label and names its row. Other losses treat it as any other label.</summary>
    private static void OtherLabel(string name, long label)
    {
        using var loss = LossTable.Create(name);
        var y = Labels.masked_fill(Labels == 3, label); // of which row 5 is the first
        if (LossTable.HasClasses(loss) || loss.parameters().Any(parameter => parameter.shape is [LossTable.Classes, ..]))
            Assert.StartsWith($"labels must be in [0, {LossTable.Classes}), got {label} in row 5.", Message(() => loss.call(Rows(12), y)));
        else
            Assert.Equal(Loss(name, Rows(12), Labels), Loss(loss, Rows(12), y), 12);
    }

    /// <summary>The tuples of a row of the table, as text. Each tuple must be among the candidates.</summary>
    private static List<string> Mined(string name, Tensor embeddings, Tensor labels)
    {
        var (positives, negatives) = Lists(name, embeddings, labels);
        return [.. positives.Select(pair => $"+{pair}").Concat(negatives.Select(pair => $"-{pair}")).Order(StringComparer.Ordinal)];
    }

    private static (int Positives, int Negatives) Counts(string name, Tensor embeddings, Tensor labels)
    {
        var (positives, negatives) = Lists(name, embeddings, labels);
        return (positives.Count, negatives.Count);
    }

    private static (List<(long, long)> Positives, List<(long, long)> Negatives) Lists(string name, Tensor embeddings, Tensor labels)
    {
        if (name == MinerTable.Clusters)
        {
            // Rows are classes in the order of their labels. Renaming changes this order, so the tuples are compared by rows of the batch.
            using var clusters = new HardClusters().Mine(embeddings, labels);
            long[] classes = [.. labels.data<long>().ToArray().Distinct().Order()];
            var first = classes.Select(label => (long)Array.IndexOf(labels.data<long>().ToArray(), label)).ToArray();
            long Told(long column) => column < labels.size(0) ? column : 100 + first[column - labels.size(0)];
            List<(long, long)> Of((Tensor Rows, Tensor Columns) pairs) =>
                [.. pairs.Rows.data<long>().ToArray().Zip(pairs.Columns.data<long>().ToArray(),
                    (row, column) => (first[row], Told(column)))];
            return (Of(clusters.Tuples.PositivePairs()), Of(clusters.Tuples.NegativePairs()));
        }
        using var batch = new LossBatch(embeddings, labels);
        var miner = MinerTable.Create(name);
        var mined = miner.Mine(batch.Distances(miner.Distance ?? Distance.Euclidean));
        return (Checked(mined.PositivePairs(), batch.Candidates.Positives), Checked(mined.NegativePairs(), batch.Candidates.Negatives));
    }

    private static List<(long, long)> Checked((Tensor Rows, Tensor Columns) pairs, Tensor allowed)
    {
        Assert.True(allowed[pairs.Rows, pairs.Columns].all().item<bool>());
        return [.. pairs.Rows.data<long>().ToArray().Zip(pairs.Columns.data<long>().ToArray())];
    }

    /// <summary>The tuples stay among the candidates, and a loss on them is NaN.</summary>
    private static void BrokenRow(string name, double what)
    {
        for (var row = 0L; row < 12; row++)
        {
            var x = Rows(12).clone();
            x[row, 2] = what;
            Counts(name, x, Labels);
            using var clusters = name == MinerTable.Clusters ? new HardClusters().Mine(x, Labels) : null;
            using var loss = new TripletLoss { Miner = clusters is null ? MinerTable.Create(name) : Miner.All };
            var value = clusters is null ? loss.call(x, Labels) : loss.forward(clusters.Means, clusters.Tuples, clusters.References);
            Assert.True(double.IsNaN(value.item<double>()), $"row {row}");
        }
    }

    private static string Message(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;
}
