using System.Runtime.CompilerServices;

namespace MetricLearning.Testing;

/// <summary>xunit runs test classes side by side on all cores, so libtorch gets one thread a test.</summary>
internal static class OneTorchThread
{
    [ModuleInitializer]
    internal static void Set()
    {
        TorchNativeLibrary.EnsureLoaded();
        TorchSharp.torch.set_num_threads(1);
    }
}
