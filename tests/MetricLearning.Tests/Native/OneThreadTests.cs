using static TorchSharp.torch;

namespace MetricLearning.Tests;

public class OneThreadTests
{
    [Fact]
    public void OnlyTheCallingThread_HasOneThread()
    {
        using var three = Threads();
        var (inside, outside) = OneThread.Run(() =>
        {
            var other = 0;
            var thread = new Thread(() => other = get_num_threads());
            thread.Start();
            thread.Join();
            return (get_num_threads(), other);
        });
        Assert.Equal((1, 3, 3), (inside, outside, get_num_threads()));
    }

    [Fact]
    public void AFailure_GivesTheThreadItsNumberBack()
    {
        using var three = Threads();
        Assert.Throws<InvalidOperationException>(() => OneThread.Run<int>(() => throw new InvalidOperationException()));
        Assert.Equal(3, get_num_threads());
    }

    /// <summary>Gives libtorch three threads. Other tests have one, and with one a class that does nothing would pass.</summary>
    private static TorchThreads Threads()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "is about Linux");
        Assert.True(OneThread.IsPossible);
        return new TorchThreads(3);
    }
}
