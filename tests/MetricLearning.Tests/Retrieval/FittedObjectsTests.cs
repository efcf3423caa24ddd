using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that many threads can read objects that were fitted or created once.</summary>
[LeavesNoTensors]
public class FittedObjectsTests
{
    [Fact]
    public void Rows_OfRerankedDistances_AreTheSameInManyThreads()
    {
        var (query, gallery) = EvaluationCalls.Sets();
        using (query)
        using (gallery)
        {
            using var scope = NewDisposeScope();
            foreach (var distances in new[]
            {
                new KReciprocalReranker().Rerank(query.Features, gallery.Features),
                new GnnReranker().Rerank(query.Features, gallery.Features),
                new KReciprocalReranker().Rerank(Distance.Euclidean.Matrix(query.Features, gallery.Features),
                    Distance.Euclidean.Matrix(query.Features, query.Features),
                    Distance.Euclidean.Matrix(gallery.Features, gallery.Features)),
            })
                AssertSame(first => Copy(distances.Rows(first, 20)), rounds: 40);
        }
    }

    [Fact]
    public void FittedObjects_AreAppliedInManyThreads()
    {
        var (query, gallery) = EvaluationCalls.Sets();
        using (query)
        using (gallery)
        {
            using var components = PrincipalComponents.Fit(gallery, 5);
            AssertSame(_ => Copy(components.Apply(query, whiten: true)));
            using var cameras = CameraNormalization.Fit(query, gallery);
            AssertSame(_ => Copy(cameras.Apply(query, scale: true)));
            AssertSame(_ => Copy(MultiQuery.Pool(query, query, MultiQueryPooling.Average)));
            AssertSame(_ => [.. EffectiveDimension.VarianceShares(gallery.Features)]);
        }
    }

    [Fact]
    public void Statistics_AreTheSameInManyThreads()
    {
        double[] values = [.. Enumerable.Range(0, 60).Select(i => Math.Sin(i))];
        long[] identities = [.. Enumerable.Range(0, 60).Select(i => (long)i / 4)];
        var bootstrap = new Bootstrap { Resamples = 500 };
        AssertSame(_ => [bootstrap.OverQueries(values).Low, bootstrap.OverIdentities(values, identities).High]);
        AssertSame(_ => [PairedTest.Compare(values, new double[60], identities, permutations: 500).PermutationP]);
        AssertSame(_ => [ClusterAgreement.AdjustedMutualInformation(identities, [.. identities.Reverse()])]);
    }

    /// <summary>Eight threads begin together and compute several blocks many times. They begin with different blocks.</summary>
    private static void AssertSame(Func<int, double[]> compute, int rounds = 1)
    {
        int[] firsts = [0, 40, 80, 120];
        var expected = firsts.ToDictionary(first => first, compute);
        var wrong = 0;
        using var start = new Barrier(8);
        var threads = Enumerable.Range(0, 8).Select(number => new Thread(() =>
        {
            start.SignalAndWait();
            for (var i = 0; i < rounds * firsts.Length; i++)
            {
                var first = firsts[(i + number) % firsts.Length];
                if (!Try(() => compute(first)).AsSpan().SequenceEqual(expected[first])) Interlocked.Increment(ref wrong);
            }
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.Equal(0, wrong);

        static double[] Try(Func<double[]> compute)
        {
            try { return compute(); }
            catch (Exception) { return []; }        // counted as wrong
        }
    }

    private static double[] Copy(EmbeddingSet set)
    {
        using (set) return Copy(set.Features.alias());
    }

    private static double[] Copy(Tensor tensor)
    {
        using (tensor)
        using (var wide = tensor.to(ScalarType.Float64))
            return TensorMemory.Copy<double>(wide);
    }
}
