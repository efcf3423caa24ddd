using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>How much time it saves is measured: see docs/torchsharp.md. The tests run on other threads than the main one, where glibc gives
/// back large buffers in any case.</summary>
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
