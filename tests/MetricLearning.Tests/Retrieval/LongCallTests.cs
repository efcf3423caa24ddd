using MetricLearning.Testing;
using TorchSharp;

namespace MetricLearning.Tests;

/// <summary>Tests that the long calls of evaluation report their progress, can be canceled, and may run at the same time.</summary>
[LeavesNoTensors]
public class LongCallTests
{
    public static TheoryData<string> Calls => [.. EvaluationCalls.All.Keys];

    /// <summary>Records the reports, and may run an action at a report.</summary>
    private sealed class Log(Action<int>? atReport = null) : IProgress<double>
    {
        public List<double> Shares { get; } = [];

        public void Report(double value)
        {
            Shares.Add(value);
            atReport?.Invoke(Shares.Count - 1);
        }
    }

    private static long Live => DisposeScopeManager.Statistics.ThreadTotalLiveCount;

    [Theory, MemberData(nameof(Calls))]
    public void Progress_RisesToOne_AndChangesNoBit(string name)
    {
        var (query, gallery) = EvaluationCalls.Sets();
        using (query)
        using (gallery)
        {
            var log = new Log();
            Assert.Equal(EvaluationCalls.All[name](query, gallery), EvaluationCalls.All[name](query, gallery, log));
            Assert.True(log.Shares.Count >= 2, "there are at least two reports");
            Assert.Equal(log.Shares.Distinct().Order(), log.Shares);
            Assert.InRange(log.Shares[0], double.Epsilon, 1);
            Assert.Equal(1, log.Shares[^1]);
        }
    }

    [Theory, MemberData(nameof(Calls))]
    public void Cancelled_BeforeItBegins_DoesNothing(string name)
    {
        var (query, gallery) = EvaluationCalls.Sets();
        using (query)
        using (gallery)
        {
            var (log, live) = (new Log(), Live);
            Assert.Throws<OperationCanceledException>(
                () => EvaluationCalls.All[name](query, gallery, log, new CancellationToken(canceled: true)));
            Assert.Empty(log.Shares);
            Assert.Equal(live, Live);
        }
    }

    [Theory, MemberData(nameof(Calls))]
    public void Cancelled_Midway_StopsAndLeavesNoTensor(string name)
    {
        var (query, gallery) = EvaluationCalls.Sets();
        using (query)
        using (gallery)
        {
            var (whole, before) = (new Log(), EvaluationCalls.All[name](query, gallery));
            EvaluationCalls.All[name](query, gallery, whole);
            foreach (var place in new[] { 0, (whole.Shares.Count - 2) / 2 })
            {
                using var source = new CancellationTokenSource();
                var (log, live) = (new Log(report => { if (report == place) source.Cancel(); }), Live);
                Assert.Throws<OperationCanceledException>(() => EvaluationCalls.All[name](query, gallery, log, source.Token));
                Assert.Equal(whole.Shares[..(place + 1)], log.Shares);
                Assert.Equal(live, Live);
            }
            Assert.Equal(before, EvaluationCalls.All[name](query, gallery));
        }
    }

    [Fact]
    public void Cancelled_PredictBytes()
    {
        var (query, gallery) = EvaluationCalls.Sets();
        using (query)
        using (gallery)
            Assert.Throws<OperationCanceledException>(() => new RetrievalEvaluator { Reranking = new KReciprocalReranker() }
                .PredictBytes(query, gallery, new CancellationToken(canceled: true)));
    }

    [Theory, MemberData(nameof(Calls))]
    public void ManyThreads_GiveTheSameBits_OnOneSharedObject(string name)
    {
        const int threads = 8, callsEach = 3;
        var (query, gallery) = EvaluationCalls.Sets();
        using (query)
        using (gallery)
        {
            var expected = EvaluationCalls.All[name](query, gallery);
            var (found, left) = (new string[threads * callsEach], new long[threads]);
            using var start = new Barrier(threads);
            var all = Enumerable.Range(0, threads).Select(number => new Thread(() =>
            {
                start.SignalAndWait();
                var live = Live;
                for (var call = 0; call < callsEach; call++)
                    found[number * callsEach + call] = Try(() => EvaluationCalls.All[name](query, gallery));
                left[number] = Live - live;
            })).ToArray();
            foreach (var thread in all) thread.Start();
            foreach (var thread in all) thread.Join();
            Assert.All(found, text => Assert.Equal(expected, text));
            Assert.All(left, tensors => Assert.Equal(0, tensors));
        }

        static string Try(Func<string> call)
        {
            try { return call(); }
            catch (Exception e) { return e.ToString(); }
        }
    }
}
