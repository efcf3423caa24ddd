using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests only that the call is accepted. Whether memory is kept cannot be tested here: the tests do not run on the main thread,
/// and on other threads glibc always returns large buffers to the system. docs/torchsharp.md has measurements of the saved time.</summary>
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
