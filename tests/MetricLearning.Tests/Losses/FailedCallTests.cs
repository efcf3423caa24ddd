using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that a call that throws changes no state, neither in the loss that refuses the batch nor in a loss that accepted it
/// before another one refused it. A report changes no state either.</summary>
[LeavesNoTensors]
public class FailedCallTests
{
    /// <summary>All losses that a sum can hold. Losses without state pass trivially, but so a new loss with state is
    /// tested, too.</summary>
    public static TheoryData<string> Losses => [.. LossTable.Names.Select(row => row.Data), "memory", "matryoshka", "sampled"];

    [Theory, MemberData(nameof(Losses))]
    public void ALaterLossRefuses_NothingHasChanged(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(dtype: ScalarType.Float32);
        var loss = Create(name);
        using var sum = new LossSum().Add("first", loss).Add("refusing", new Refusing());
        RunOnce(loss, x, y);
        Unchanged(loss, () => sum.call(x, y));
        Unchanged(loss, () => sum.Compute(x, y));
        sum.eval();
        Unchanged(loss, () => sum.call(x, y));
    }

    /// <summary>The losses whose terms are reduced by a reducer: their terms are not scalars.</summary>
    public static TheoryData<string> ReducedLosses =>
    [
        .. LossTable.Where(loss =>
        {
            using var scope = NewDisposeScope();
            var (x, y) = LossTable.Batch();
            return loss.Values(x, y).Any(term => term.Values.dim() > 0);
        }).Select(row => row.Data), "memory", "sampled",
    ];

    [Theory, MemberData(nameof(ReducedLosses))]
    public void TheReducerRefuses_NothingHasChanged(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(dtype: ScalarType.Float32);
        using var loss = Create(name);
        RunOnce(loss, x, y);
        var reduced = loss as MetricLoss ?? (MetricLoss)loss.children().Single();
        typeof(MetricLoss).GetProperty(nameof(MetricLoss.Reducer))!.SetValue(reduced, new RefusingReducer());
        Unchanged(loss, () => loss.call(x, y));
    }

    public static TheoryData<string> Rows => LossTable.Names;

    [Theory, MemberData(nameof(Rows))]
    public void ADisposedBatch_IsRefused_AndLeavesNoTensor(string name)
    {
        using var loss = LossTable.Create(name);
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(dtype: ScalarType.Float32);
        var batch = new LossBatch(x, y);
        batch.Dispose();
        Assert.Throws<ObjectDisposedException>(() => loss.forward(batch));
        Assert.Throws<ObjectDisposedException>(() => batch.Candidates);
        Assert.Throws<ObjectDisposedException>(() => batch.Distances(Distance.Euclidean));
    }

    [Theory, MemberData(nameof(Losses))]
    public void ABatchThatDoesNotFit_NothingHasChanged(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(dtype: ScalarType.Float32);
        using var loss = Create(name);
        RunOnce(loss, x, y);
        Unchanged(loss, () => loss.call(x, y.narrow(0, 0, 3)));
        Unchanged(loss, () => loss.call(x, y.to(ScalarType.Float32)));
        Unchanged(loss, () => loss.call(x.view(-1), y));
        Unchanged(loss, () => loss.call(x.to(ScalarType.Int64), y));
        if (loss is not MetricLoss metric || !LossTable.HasClasses(metric)) return;
        Unchanged(loss, () => loss.call(x, y + 100));
        Unchanged(loss, () => loss.call(x.narrow(1, 0, 3), y));
    }

    /// <summary>The losses that give a report by themselves.</summary>
    public static TheoryData<string> ReportedLosses => [.. LossTable.Names.Select(row => row.Data), "sampled"];

    [Theory, MemberData(nameof(ReportedLosses))]
    public void AReport_ChangesNothing(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(dtype: ScalarType.Float32);
        using var loss = (MetricLoss)Create(name);
        RunOnce(loss, x, y);
        var (before, generator) = (State(loss), get_rng_state());
        Assert.Equal(loss.Report(x, y), loss.Report(x, y));
        Assert.Equal(before, State(loss));
        Assert.True(generator.equal(get_rng_state()).all().item<bool>());
    }

    /// <summary>A report draws what the next call draws.</summary>
    [Fact]
    public void AReport_MeasuresTheTuplesOfTheNextCall()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var miner = new RandomTripletsMiner(1);
        using var loss = new TripletLoss(margin: 2) { Miner = miner };
        var seen = new HashSet<double>();
        for (var call = 0; call < 4; call++)
        {
            var report = loss.Report(x, y);
            Assert.Equal(call, miner.Calls);
            Assert.Equal(report.Value, loss.call(x, y).item<double>());
            seen.Add(report.Value);
        }
        Assert.True(seen.Count > 1);
    }

    [Fact]
    public void AMinerThatThrows_HasNotCounted()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var miner = new RefusingMiner();
        Assert.Throws<InvalidOperationException>(() => miner.Mine(x, y));
        Assert.Equal(0, miner.Calls);
    }

    private static nn.Module<Tensor, Tensor, Tensor> Create(string name) => name switch
    {
        "memory" => new CrossBatchMemory(new TripletLoss(margin: 2), LossTable.Dimension, capacity: 15),
        "matryoshka" => new MatryoshkaLoss(new DynamicSoftMarginLoss(), [3, LossTable.Dimension]),
        "sampled" => new CosFaceLoss(LossTable.Classes, LossTable.Dimension) { Sampled = new SampledClasses(8) },
        _ => LossTable.Create(name),
    };

    private static void RunOnce(nn.Module<Tensor, Tensor, Tensor> loss, Tensor x, Tensor y) =>
        loss.call(x.clone().requires_grad_(), y).backward();

    private static void Unchanged(nn.Module loss, Action call)
    {
        var before = State(loss);
        Assert.ThrowsAny<Exception>(call);
        Assert.Equal(before, State(loss));
    }

    private static Dictionary<string, string> State(nn.Module loss)
    {
        var state = loss.state_dict().ToDictionary(entry => entry.Key,
            entry => string.Join(' ', entry.Value.to(ScalarType.Float64).reshape(-1).data<double>().ToArray()
                .Select(v => v.ToString("R"))));
        foreach (var miner in Miners(loss)) state[miner.GetType().Name] = $"{miner.Calls}";
        return state;
    }

    private static IEnumerable<SeededMiner> Miners(nn.Module loss) => loss.modules().Append(loss)
        .Select(module => module.GetType().GetProperty("Miner")?.GetValue(module)).OfType<SeededMiner>();

    private sealed class Refusing() : nn.Module<Tensor, Tensor, Tensor>(nameof(Refusing))
    {
        public override Tensor forward(Tensor x, Tensor y) => throw new ArgumentException("This loss refuses every batch.");
    }

    private sealed class RefusingReducer : Reducer
    {
        protected override Tensor ReduceCore(LossTerm term, LossBatch batch) => throw new InvalidOperationException("No reduction.");
    }

    private sealed class RefusingMiner : SeededMiner
    {
        protected override Tuples MineCore(Tensor distances, Pairs candidates) =>
            throw new InvalidOperationException($"Drew {NextRandom().NextDouble()}.");
    }
}
