using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>
/// Every loss and every miner on every kind of batch that goes wrong elsewhere: the outcome of each cell is the one that docs/losses.md
/// states under "What holds for every loss" or in the loss's own row. The rows are <see cref="LossTable"/> and <see cref="MinerTable"/>,
/// which a new class has to join.
/// </summary>
[LeavesNoTensors]
public class DegenerateTests
{
    private static readonly string page = File.ReadAllText(Path.Combine(RepositoryRoot(), "docs", "losses.md"));

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
        ["float64"] = name => { using var loss = LossTable.Create(name); Assert.Equal(ScalarType.Float64, loss.call(Rows(12), Labels).dtype); },
        ["not contiguous"] = name => Assert.Equal(Loss(name, Rows(12), Labels), Loss(name, Rows(12).t().contiguous().t(), Labels), 10),
        ["wrong rank"] = name =>
        {
            Throws(name, Rows(12).unsqueeze(2), Labels, "embeddings must be [N, D], got [12, 6, 1].");
            Throws(name, Rows(12).select(1, 0), Labels, "embeddings must be [N, D], got [12].");
        },
        ["label/row mismatch"] = name => Throws(name, Rows(12), Labels.narrow(0, 0, 11), "labels must be [12], one label a row, got [11]."),
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
        ["infinite row"] = name => BrokenRow(name, double.PositiveInfinity),
        ["float16"] = name => Assert.Equal(Mined(name, Rows(12).to(ScalarType.Float16).to(ScalarType.Float32), Labels), Mined(name, Rows(12).to(ScalarType.Float16), Labels)),
        ["bfloat16"] = name => Assert.Equal(Mined(name, Rows(12).to(ScalarType.BFloat16).to(ScalarType.Float32), Labels), Mined(name, Rows(12).to(ScalarType.BFloat16), Labels)),
        ["float64"] = name => Assert.Equal(Mined(name, Rows(12).to(ScalarType.Float32), Labels), Mined(name, Rows(12), Labels)),
        ["not contiguous"] = name => Assert.Equal(Mined(name, Rows(12), Labels), Mined(name, Rows(12).t().contiguous().t(), Labels)),
        ["wrong rank"] = name => Assert.StartsWith("distances must be [12, 12], got [12].", Message(() => MinerTable.Create(name).Mine(zeros(12), Pairs.FromLabels(Labels)))),
        ["label/row mismatch"] = name =>
            Assert.StartsWith("distances must be [11, 11], got [12, 12].", Message(() => MinerTable.Create(name).Mine(zeros(12, 12), Pairs.FromLabels(Labels.narrow(0, 0, 11))))),
        ["negative label"] = name => Assert.Equal(Mined(name, Rows(12), Labels), Mined(name, Rows(12), Labels - 3)),
        ["too large label"] = name => Assert.Equal(Mined(name, Rows(12), Labels), Mined(name, Rows(12), long.MaxValue - Labels)),
    };

    public static MatrixTheoryData<string, string> LossCells => new(LossTable.Names.Select(row => row.Data), lossColumns.Keys);

    public static MatrixTheoryData<string, string> MinerCells => new(MinerTable.Names, minerColumns.Keys);

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

    [Fact]
    public void EveryMiner_HasARow_HereAndInTheDocumentation()
    {
        var all = typeof(Miner).Assembly.GetExportedTypes().Where(type => type.IsSubclassOf(typeof(Miner)) && !type.IsAbstract).ToList();
        Assert.Empty(all.Except(MinerTable.Names.Select(name => MinerTable.Create(name).GetType())));
        Assert.All(all, type => Assert.Contains($"| `{type.Name}` |", page, StringComparison.Ordinal));
    }

    private static Tensor Labels => LossTable.Batch().Labels;

    private static Tensor Rows(long count) => LossTable.Batch().Embeddings.narrow(0, 0, count);

    /// <summary>The value, which is finite and has finite gradients.</summary>
    private static double Loss(string name, Tensor embeddings, Tensor labels)
    {
        using var loss = LossTable.Create(name);
        return Loss(loss, embeddings, labels);
    }

    private static double Loss(MetricLoss loss, Tensor embeddings, Tensor labels)
    {
        var x = embeddings.detach().clone().requires_grad_();
        var value = loss.call(x, labels);
        value.backward();
        Assert.True(value.isfinite().item<bool>());
        Assert.True(x.grad!.isfinite().all().item<bool>());
        Assert.Equal(x.dtype, value.dtype);
        return value.to(ScalarType.Float64).item<double>();
    }

    /// <summary>0, where the loss's row of the documentation does not state another outcome.</summary>
    private static void NothingToCompare(string name, Tensor embeddings, Tensor labels)
    {
        using var loss = LossTable.Create(name);
        var value = Loss(loss, embeddings, labels);
        var row = page.Split('\n').Where(line => line.StartsWith($"| `{loss.GetType().Name}", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(row);
        var stated = row.Select(line => line.Split('|')[^2].Trim()).ToList();
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

    /// <summary>A loss with a number of classes names the label and its row; to others it is a label like any other.</summary>
    private static void OtherLabel(string name, long label)
    {
        using var loss = LossTable.Create(name);
        var y = Labels.masked_fill(Labels == 3, label); // of which row 5 is the first
        if (loss.GetType().GetConstructors().SelectMany(constructor => constructor.GetParameters()).Any(parameter => parameter.Name == "classes")
            || loss.parameters().Any(parameter => parameter.shape is [LossTable.Classes, ..]))
            Assert.StartsWith($"labels must be in [0, {LossTable.Classes}), got {label} in row 5.", Message(() => loss.call(Rows(12), y)));
        else
            Assert.Equal(Loss(name, Rows(12), Labels), Loss(loss, Rows(12), y), 12);
    }

    /// <summary>The tuples of a row of the table, as text: each is among the candidates.</summary>
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
            using var loss = new TripletLoss { Miner = MinerTable.Create(name) };
            Assert.True(double.IsNaN(loss.call(x, Labels).item<double>()), $"row {row}");
        }
    }

    private static string Message(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "MetricLearning.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }
}
