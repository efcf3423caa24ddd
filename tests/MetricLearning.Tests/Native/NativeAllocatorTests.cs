using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>The saved time is measured in docs/torchsharp.md. The tests do not run on the main thread. On other threads, glibc returns
/// large buffers in any case.</summary>
public class NativeAllocatorTests
{
    [Fact]
    public void KeepFreedMemory_IsTakenOnLinux_AndMayBeCalledAgain()
    {
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(OperatingSystem.IsLinux(), NativeAllocator.KeepFreedMemory());
            using var numbers = ones(1 << 20);
            using var sum = numbers.sum();
            Assert.Equal(1 << 20, sum.item<float>());
        }
    }
}
