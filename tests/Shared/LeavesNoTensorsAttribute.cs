using System.Reflection;
using TorchSharp;
using Xunit.v3;

namespace MetricLearning.Testing;

/// <summary>Fails a test that leaves more live tensors on its thread than it found. Put it on the class.</summary>
/// <remarks>TorchSharp counts live tensors by thread. A test that awaits may end on another thread, so it is refused.</remarks>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class LeavesNoTensorsAttribute : BeforeAfterTestAttribute
{
    private static readonly AsyncLocal<long> liveBefore = new();

    public override void Before(MethodInfo methodUnderTest, IXunitTest test)
    {
        Assert.True(methodUnderTest.ReturnType == typeof(void),
            "The test is asynchronous and may end on another thread, whose tensors are not those of the test. Put LeavesNoTensors on the "
                + "methods that return nothing.");
        liveBefore.Value = Live;
    }

    public override void After(MethodInfo methodUnderTest, IXunitTest test) =>
        Assert.True(Live <= liveBefore.Value, $"{Live - liveBefore.Value} tensors were left alive.");

    private static long Live => DisposeScopeManager.Statistics.ThreadTotalLiveCount;
}
