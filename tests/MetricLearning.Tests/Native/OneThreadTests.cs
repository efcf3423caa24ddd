using static TorchSharp.torch;

namespace MetricLearning.Tests;

public class OneThreadTests
{
    [Fact]
    public void OnlyTheCallingThread_HasOneThread()
    {
        if (!OneThread.IsPossible) Assert.Skip("needs Linux and the libtorch of TorchSharp's package");
        var before = get_num_threads();
        var (inside, outside) = OneThread.Run(() =>
        {
            var other = 0;
            var thread = new Thread(() => other = get_num_threads());
            thread.Start();
            thread.Join();
            return (get_num_threads(), other);
        });
        Assert.Equal((1, before, before), (inside, outside, get_num_threads()));
    }

    [Fact]
    public void AFailure_GivesTheThreadItsNumberBack()
    {
        if (!OneThread.IsPossible) Assert.Skip("needs Linux and the libtorch of TorchSharp's package");
        var before = get_num_threads();
        Assert.Throws<InvalidOperationException>(() => OneThread.Run<int>(() => throw new InvalidOperationException()));
        Assert.Equal(before, get_num_threads());
    }
}
