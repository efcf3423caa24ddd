using System.Runtime.CompilerServices;

namespace MetricLearning.Testing;

/// <summary>xunit runs test classes at the same time on all cores, so libtorch gets one thread per test.</summary>
internal static class OneTorchThread
{
    [ModuleInitializer]
    internal static void Set()
    {
        TorchNativeLibrary.EnsureLoaded();
        TorchSharp.torch.set_num_threads(1);
    }
}
