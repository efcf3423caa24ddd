using System.Reflection;
using TorchSharp;
using Xunit.v3;

namespace MetricLearning.Testing;

/// <summary>Fails a test that leaves more live tensors on its thread than it found. Put it on the class.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class LeavesNoTensorsAttribute : BeforeAfterTestAttribute
{
    private static readonly AsyncLocal<long> liveBefore = new();

    public override void Before(MethodInfo methodUnderTest, IXunitTest test) => liveBefore.Value = Live;

    public override void After(MethodInfo methodUnderTest, IXunitTest test) =>
        Assert.True(Live <= liveBefore.Value, $"{Live - liveBefore.Value} tensors were left alive.");

    private static long Live => DisposeScopeManager.Statistics.ThreadTotalLiveCount;
}
