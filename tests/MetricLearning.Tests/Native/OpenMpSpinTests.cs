using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace MetricLearning.Tests;

/// <summary>Tests which variables are set in the native environment of the process. libtorch reads them only when it is loaded, so changes
/// here affect no other test.</summary>
[SupportedOSPlatform("linux")]
public sealed class OpenMpSpinTests : IDisposable
{
    private readonly string?[] before = [Read(OpenMpSpin.Policy), Read(OpenMpSpin.Count)];

    public OpenMpSpinTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "is about Linux");

    public void Dispose()
    {
        foreach (var (name, value) in new[] { OpenMpSpin.Policy, OpenMpSpin.Count }.Zip(before)) Set(name, value);
    }

    [Fact]
    public void ThreadsThatWait_SpinForABoundedTime()
    {
        Set(OpenMpSpin.Policy, null);
        Set(OpenMpSpin.Count, null);
        OpenMpSpin.Bound();
        Assert.Equal("5000", Read(OpenMpSpin.Count));
        Assert.Null(Read(OpenMpSpin.Policy));
    }

    [Theory]
    [InlineData("ACTIVE", null)]
    [InlineData("PASSIVE", null)]
    [InlineData(null, "17")]
    public void TheChoiceOfTheUser_Stays(string? policy, string? count)
    {
        Set(OpenMpSpin.Policy, policy);
        Set(OpenMpSpin.Count, count);
        OpenMpSpin.Bound();
        Assert.Equal((policy, count), (Read(OpenMpSpin.Policy), Read(OpenMpSpin.Count)));
    }

    private static string? Read(string name) => Marshal.PtrToStringUTF8(NativeEnvironment.getenv(name));

    private static void Set(string name, string? value) =>
        Assert.Equal(0, value is null ? NativeEnvironment.unsetenv(name) : NativeEnvironment.setenv(name, value, overwrite: 1));
}
