using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>
/// Tests every loss and miner on batches whose digits cancel, underflow or overflow in float32. All paths (the call, the report, an
/// existing distance matrix, references) must give the result of float64, or NaN. The test also accepts an infinite value.
/// </summary>
/// <remarks>
/// The bound of a value is backward stability: the value may differ from float64's only by a small multiple of the change that float64
/// itself shows when each entry of the batch moves by a few roundings of float32. A path that loses digits that the batch still has exceeds
/// this bound.
/// </remarks>
[LeavesNoTensors]
public class IllConditionedTests
{
    private const double Rounding = 1.0 / (1 << 24);

    /// <summary>Each batch has 12 rows of <see cref="LossTable.Dimension"/> numbers in float32. Their labels have 4 classes.</summary>
    private static readonly Dictionary<string, Func<Tensor>> batches = new()
    {
        ["offset of 1000"] = () => 1000 + Spread(0.2),
        ["offset of 1000, to both sides"] = () => tensor([1000f, -1000]).repeat(6).unsqueeze(1) + Spread(0.2),
        ["offset of 1000000"] = () => 1e6 + Spread(2),
        ["near twins"] = () => TwinsOf(Spread(30)),
        ["large norms"] = () => Spread(1e15),
        ["small norms"] = () => Spread(1e-15),
        ["denormals"] = () => Spread(1e-39),
        ["squares that underflow"] = () => Spread(1e-25),
        ["squares that overflow"] = () => Spread(1e20),
        ["products that overflow"] = () => Spread(3e37),
        ["one large row"] = () => cat([Spread(1).narrow(0, 0, 11), Spread(1e20).narrow(0, 11, 1)]),
    };

    /// <summary>Losses whose value depends on the type of the batch by their definition.</summary>
    private static readonly Dictionary<string, string[]> otherByDefinition = new()
    {
        // The loss leaves out negatives whose distance is 0 within the rounding of the type.
        ["ranked list"] = ["offset of 1000", "offset of 1000, to both sides", "offset of 1000000", "near twins"],
        // The hardest cosines are chosen, and a cosine has an absolute error of one rounding.
        ["contrastive online"] = ["offset of 1000", "offset of 1000000"],
        // The mean is over the values above 0, and a softplus underflows to 0 earlier in float32.
        ["centroid soft"] = ["offset of 1000, to both sides", "near twins"],
    };

    public static TheoryData<string, string> LossCases => Cases(LossTable.Names.Select(row => row.Data),
        (name, batch) => !(otherByDefinition.TryGetValue(name, out var others) && others.Contains(batch)));

    public static TheoryData<string, string> MinerCases => Cases(MinerTable.Names, (_, _) => true);

    [Theory, MemberData(nameof(LossCases))]
    public void EveryPathOfALoss_GivesTheValueOfFloat64_OrNaN(string name, string batch)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (batches[batch](), LossTable.Batch().Labels);
        var exact = x.to(ScalarType.Float64);
        var expected = Value(name, exact, y);
        if (double.IsNaN(expected) || double.IsInfinity(expected)) return;
        var bound = 1e-5 * Math.Max(1, Math.Abs(expected)) + 8 * Enumerable.Range(0, 8).Max(seed =>
            Math.Abs(Value(name, exact * (1 + Rounding * (2 * LossTable.Random(seed, 12, LossTable.Dimension).sign())), y) - expected));
        foreach (var (path, value) in Paths(name, x, y))
            Assert.True(!double.IsFinite(value) || Math.Abs(value - expected) <= bound,
                $"{path}: {value:R} in place of {expected:R}, of which {bound:E2} may be lost");
    }

    [Theory, MemberData(nameof(MinerCases))]
    public void EveryPathOfAMiner_GivesTheTuplesOfFloat64(string name, string batch)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (batches[batch](), LossTable.Batch().Labels);
        var distance = MinerTable.Create(name).Distance ?? Distance.Euclidean;
        var expected = Text(MinerTable.Create(name).Mine(x.to(ScalarType.Float64), y));
        Assert.Equal(expected, Text(MinerTable.Create(name).Mine(x, y)));
        using var alone = new LossBatch(x, y);
        Assert.Equal(expected, Text(MinerTable.Create(name).Mine(alone.Distances(distance))));
        using var withMatrix = new LossBatch(x, y);
        _ = withMatrix.Distances(distance).Matrix;
        Assert.Equal(expected, Text(MinerTable.Create(name).Mine(withMatrix.Distances(distance))));
        using var references = new LossBatch(x, y, x.clone(), y, arange(x.size(0)));
        Assert.Equal(expected, Text(MinerTable.Create(name).Mine(references.Distances(distance))));

        static string Text(Tuples tuples)
        {
            var lists = tuples is Triplets triplets ? [triplets.Anchors, triplets.Positives, triplets.Negatives]
                : tuples.AsPairs() is var pairs ? new[] { pairs.Positives, pairs.Negatives } : [];
            return string.Join(" | ", lists.Select(list => string.Join(' ', list.to(ScalarType.Int64).reshape(-1).data<long>().ToArray())));
        }
    }

    private static IEnumerable<(string Path, double Value)> Paths(string name, Tensor x, Tensor y)
    {
        yield return ("the call", Value(name, x, y));
        yield return ("with a gradient", Of(loss => loss.call(x.clone().requires_grad_(), y)));
        using (var loss = LossTable.Create(name))
        {
            // A report computes without a gradient, so it does not update the histogram of this loss, and its value differs.
            if (loss is not DynamicSoftMarginLoss)
            {
                yield return ("the report", loss.Report(x, y).Value);
                yield return ("the detailed report", loss.Report(x, y, detailed: true).Value);
            }
            if (loss is not TupleLoss tuples) yield break;
            using var shared = new LossBatch(x, y);
            _ = shared.Distances(tuples.Distance).Matrix;
            yield return ("with a matrix that is there", Of(l => l.forward(shared)));
            using var references = new LossBatch(x, y, x.clone(), y, arange(x.size(0)));
            yield return ("against references", Of(l => l.forward(references)));
        }

        double Of(Func<MetricLoss, Tensor> call)
        {
            using var loss = LossTable.Create(name);
            using var value = call(loss);
            return value.to(ScalarType.Float64).item<double>();
        }
    }

    private static double Value(string name, Tensor x, Tensor y)
    {
        using var loss = LossTable.Create(name);
        using var value = loss.call(x, y);
        return value.to(ScalarType.Float64).item<double>();
    }

    private static TheoryData<string, string> Cases(IEnumerable<string> names, Func<string, string, bool> holds)
    {
        var data = new TheoryData<string, string>();
        foreach (var name in names)
            foreach (var batch in batches.Keys.Where(batch => holds(name, batch))) data.Add(name, batch);
        return data;
    }

    private static Tensor Spread(double deviation) => (LossTable.Random(5, 12, LossTable.Dimension) * deviation).to(ScalarType.Float32);

    /// <summary>Makes pairs of rows that differ by about a thousandth. Some pairs are of one class, others of two.</summary>
    private static Tensor TwinsOf(Tensor x) => cat([x.narrow(0, 0, 6), x.narrow(0, 0, 6) + Spread(0.03).narrow(0, 6, 6)]);
}
