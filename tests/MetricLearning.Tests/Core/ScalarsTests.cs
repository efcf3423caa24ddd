using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class ScalarsTests
{
    [Fact]
    public void TheLibraryMakesNoLooseScalars()
    {
        var types = typeof(Scalars).Assembly.GetTypes().Where(type => type != typeof(Scalars));
        // Scripts make scalars of the numbers among their arguments. The library passes only tensors to scripts.
        Assert.All(LooseScalars.In(types), line => Assert.Matches("ScriptModule|CompilationUnit", line));
    }

    [Fact]
    public void LooseScalarsAreFound()
    {
        var found = LooseScalars.In([typeof(Loose)]);
        Assert.Equal(
            ["Add", "Conversion", "Factor", "Operator", "Within"],
            found.Select(line => line.Split(' ')[0].Split('.')[^1]).Distinct());
    }

    [Fact]
    public void TheRuleInTheDocumentation_IsThatOfTheLibrary()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "torchsharp.md"));
        var shown = Regex.Match(page, @"```text\n(?<rule>.*?)```", RegexOptions.Singleline).Groups["rule"].Value;
        var rule = File.ReadAllLines(Path.Combine(Repository.Root, "src", "BannedSymbols.txt"))
            .Where(line => !line.StartsWith("//", StringComparison.Ordinal));
        Assert.Equal(rule, shown.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void ArithmeticIsThatOfTorchSharp()
    {
        using var scope = NewDisposeScope();
        var x = tensor([-3.5, 0.25, 7.0]);
        var y = tensor([2.0, 0.5, -1.0]);
        Same(x + 2.5, x + Scalars.S(2.5));
        Same(2.5 + x, Scalars.S(2.5) + x);
        Same(x - 2.5, x - Scalars.S(2.5));
        Same(2.5 - x, Scalars.S(2.5) - x);
        Same(x * 3, x * Scalars.S(3));
        Same(3L * x, Scalars.S(3L) * x);
        Same(x / 3, x / Scalars.S(3));
        Same(3 / x, Scalars.S(3) / x);
        Same(x + y, x.Plus(y));
        Same(x > 0, x > Scalars.S(0));
        Same(x.masked_fill(x > 0, true), x.masked_fill(x > 0, Scalars.S(true)));
        Same(arange(2, 5, ScalarType.Int64), Scalars.Iota(2, 5));
        Same(arange(4, ScalarType.Int64), Scalars.Iota(4));
        Same(x + y, x.Plus_(y));
        Same(x + 2.5, x.Plus_(Scalars.S(2.5)));
        Same(nn.functional.softplus(x), RowMath.Softplus(x));
        Assert.Equal(ScalarType.Int64, (tensor([1L]) * Scalars.S(2)).dtype);
        Assert.Equal(ScalarType.Float32, (tensor([1f]) * Scalars.S(2.0)).dtype);

        static void Same(Tensor expected, Tensor actual)
        {
            Assert.Equal(expected.dtype, actual.dtype);
            Assert.True(expected.dtype == ScalarType.Float64 ? expected.allclose(actual, rtol: 1e-15) : expected.Equals(actual));
        }
    }

    [Fact]
    public void ANumberLivesUntilItsThreadHasMade256More()
    {
        var weak = Make();
        for (var i = 0; i < 255; i++) _ = Scalars.S(i);
        Collect();
        Assert.True(Lives(weak));
        _ = Scalars.S(255);
        Collect();
        Assert.False(Lives(weak));
    }

    [Fact]
    public void CollectionsAtAnyMomentDoNoHarm()
    {
        using var scope = NewDisposeScope();
        var labels = tensor(Enumerable.Range(0, 12).Select(i => (long)(i / 3)).ToArray());
        var embeddings = randn(12, 4);
        using var loss = new CircleLoss();
        using var set = new EmbeddingSet(embeddings.clone(), labels.data<long>().ToArray(), Enumerable.Repeat(0L, 12).ToArray());
        var evaluator = new RetrievalEvaluator { Protocol = RetrievalProtocol.SelfRetrieval };
        var (distance, value, precision) = Values();
        var stop = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref stop)) Collect(0);
        });
        collector.Start();
        try
        {
            var end = Environment.TickCount64 + 1000;
            do Assert.Equal((distance, value, precision), Values());
            while (Environment.TickCount64 < end);
        }
        finally
        {
            Volatile.Write(ref stop, true);
            collector.Join();
        }

        (float, float, double) Values()
        {
            using var inner = NewDisposeScope();
            return (Distance.Euclidean.Matrix(embeddings, embeddings).sum().item<float>(), loss.call(embeddings, labels).item<float>(),
                evaluator.Evaluate(set, set).MeanAveragePrecision);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference<Scalar> Make() => new(Scalars.S(0.5));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Lives(WeakReference<Scalar> weak) => weak.TryGetTarget(out _);

    private static void Collect(int generation = 2)
    {
        GC.Collect(generation);
        GC.WaitForPendingFinalizers();
    }

    /// <summary>Makes scalars in each way that a library must avoid. Only Kept makes none.</summary>
    private static class Loose
    {
        public static Tensor Add(Tensor x, Tensor y) => x + y;

        public static Tensor Conversion(Tensor x) => x.clamp_min(0);

        public static Scalar Factor() => 2.0.ToScalar();

        public static Tensor Operator(Tensor x) => x * 2;

        public static Tensor Within(Tensor x) => nn.functional.leaky_relu(x);

        public static Tensor Kept(Tensor x, Scalar kept) => x * kept - x.pow(kept);
    }
}
