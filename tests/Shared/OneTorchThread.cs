using System.Reflection;
using System.Runtime.CompilerServices;
using Xunit.v3;

[assembly: MetricLearning.Testing.OneTorchThread]

namespace MetricLearning.Testing;

/// <summary>Gives libtorch one thread per test, because many tests run at the same time: the test projects run side by side, and xunit
/// runs the classes of most of them at the same time, too.</summary>
/// <remarks>libtorch keeps a number for each thread, and a thread takes the common number at its first call. A thread that begins while a
/// test of several threads runs would keep that test's number for later tests.</remarks>
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
