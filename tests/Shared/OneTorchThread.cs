using System.Reflection;
using System.Runtime.CompilerServices;
using Xunit.v3;

[assembly: MetricLearning.Testing.OneTorchThread]

namespace MetricLearning.Testing;

/// <summary>xunit runs test classes at the same time on all cores, so libtorch gets one thread per test.</summary>
/// <remarks>libtorch keeps a number of threads for each calling thread, which takes over the common number at its first call. A calling
/// thread that begins while a test with several libtorch threads runs would keep that test's number for later tests.</remarks>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class OneTorchThreadAttribute : BeforeAfterTestAttribute
{
    [ModuleInitializer]
    internal static void Set()
    {
        TorchNativeLibrary.EnsureLoaded();
        TorchSharp.torch.set_num_threads(1);
    }

    /// <inheritdoc/>
    public override void Before(MethodInfo methodUnderTest, IXunitTest test)
    {
        if (TorchSharp.torch.get_num_threads() != 1) TorchSharp.torch.set_num_threads(1);
    }
}
