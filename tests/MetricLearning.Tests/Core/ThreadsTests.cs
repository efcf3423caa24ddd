using static TorchSharp.torch;

namespace MetricLearning.Tests;

public class ThreadsTests
{
    /// <summary>A caller sees the same exception whether the loop runs on one thread or on several.</summary>
    [Theory, InlineData(1), InlineData(2), InlineData(4)]
    public void AnExceptionOfTheBody_IsThrownUnchanged(int threads)
    {
        var thrown = new InvalidDataException("row 5");
        Assert.Same(thrown, Assert.Throws<InvalidDataException>(() => Threads.For(8, threads, i =>
        {
            if (i == 5) throw thrown;
        })));
    }

    [Theory, InlineData(0, 2), InlineData(1, 2), InlineData(7, 1), InlineData(7, 3)]
    public void EveryItem_IsVisitedOnce(int count, int threads)
    {
        var visits = new int[count];
        Threads.For(count, threads, i => Interlocked.Increment(ref visits[i]));
        Assert.All(visits, visit => Assert.Equal(1, visit));
    }

    [Fact]
    public void OnLinux_LoopsRunOnTheThreadsOfLibtorch()
    {
        using var two = new TorchThreads(2);
        Assert.Equal(OperatingSystem.IsLinux(), OpenMpTeam.IsAvailable);
    }

    [Theory, InlineData(2), InlineData(3)]
    public void EveryItem_IsVisitedOnce_OnTheThreadsOfLibtorch(int threads)
    {
        using var several = new TorchThreads(threads);
        foreach (var count in (int[])[0, 1, 2, 7, 64, 1000, 12_345])
        {
            var visits = new int[count];
            Threads.For(count, i => Interlocked.Increment(ref visits[i]));
            Assert.All(visits, visit => Assert.Equal(1, visit));
        }
    }

    /// <summary>The loop must not end before the second thread has come, so each thread waits for the other.</summary>
    [Fact]
    public void AllThreads_TakePart()
    {
        using var two = new TorchThreads(2);
        using var both = new Barrier(2);
        Threads.For(2, _ => Assert.True(both.SignalAndWait(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken)));
    }

    [Fact]
    public void AnExceptionOnAThreadOfLibtorch_IsThrownUnchanged_AndTheNextLoopRuns()
    {
        using var two = new TorchThreads(2);
        var thrown = new InvalidDataException("row 500");
        for (var again = 0; again < 20; again++)
        {
            Assert.Same(thrown, Assert.Throws<InvalidDataException>(() => Threads.For(1000, i =>
            {
                if (i == 500) throw thrown;
            })));
            var sum = 0;
            Threads.For(100, i => Interlocked.Add(ref sum, i));
            Assert.Equal(4950, sum);
        }
    }

    /// <summary>The body may be the user's code, which may read the context of the caller.</summary>
    [Fact]
    public void TheBody_SeesTheContextOfTheCaller()
    {
        using var two = new TorchThreads(2);
        using var both = new Barrier(2);
        var local = new AsyncLocal<string> { Value = "of the caller" };
        Threads.For(2, _ =>
        {
            both.SignalAndWait(TestContext.Current.CancellationToken);
            Assert.Equal("of the caller", local.Value);
        });
    }

    [Fact]
    public void ALoopInsideALoop_VisitsEveryItemOnce()
    {
        using var two = new TorchThreads(2);
        var visits = new int[30, 40];
        Threads.For(30, i => Threads.For(40, j => Interlocked.Increment(ref visits[i, j])));
        Assert.All(visits.Cast<int>(), visit => Assert.Equal(1, visit));
    }

    /// <summary>Threads of a server call the library at the same time, and the garbage collector stops them all in between.</summary>
    [Fact]
    public async Task ManyCallersAtOnce_GetTheirOwnResults()
    {
        var callers = Enumerable.Range(1, 6).Select(caller => Task.Factory.StartNew(() =>
        {
            using var two = new TorchThreads(2);
            for (var again = 0; again < 200; again++)
            {
                var results = new long[300];
                Threads.For(results.Length, i => results[i] = (long)caller * i + new int[100].Length);
                Assert.Equal(caller * 44_850L + 30_000, results.Sum());
                if (again % 20 == 0) GC.Collect();
            }
        }, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        await Task.WhenAll(callers);
    }

    [Fact]
    public void TheBody_MayCallLibtorch()
    {
        using var two = new TorchThreads(2);
        using var scope = NewDisposeScope();
        var (x, sums) = (rand(8, 300, 300), new float[8]);
        Threads.For(8, i =>
        {
            using var inner = NewDisposeScope();
            sums[i] = x[i].mm(x[i]).sum().item<float>();
        });
        Assert.All(Enumerable.Range(0, 8), i => Assert.Equal(x[i].mm(x[i]).sum().item<float>(), sums[i], 1e-5 * sums[i]));
    }
}
