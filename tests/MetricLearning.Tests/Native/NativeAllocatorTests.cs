using static TorchSharp.torch;

namespace MetricLearning.Tests;

public class NativeAllocatorTests
{
    /// <summary>A large buffer that was freed is used again: it lies where it lay, and the system has not taken its pages.</summary>
    [Fact]
    public void KeepsFreedMemory()
    {
        Assert.Equal(OperatingSystem.IsLinux(), NativeAllocator.KeepFreedMemory());
        Assert.SkipUnless(OperatingSystem.IsLinux(), "is about Linux");
        Use();
        var before = MinorFaults();
        for (var i = 0; i < 20; i++) Use();
        // Each use would otherwise take in 16,384 new pages.
        Assert.InRange(MinorFaults() - before, 0, 20 * 8_192);

        static void Use()
        {
            using var buffer = ones(16 << 20);
        }
    }

    /// <summary>How many pages the system has given to this thread since it began.</summary>
    private static long MinorFaults() =>
        long.Parse(File.ReadAllText("/proc/thread-self/stat").Split(") ", 2)[1].Split(' ')[7]);
}
