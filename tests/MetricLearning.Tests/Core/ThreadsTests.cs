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
}
