using System.Runtime.Versioning;

namespace MetricLearning;

/// <summary>Limits how long libtorch's threads spin while they wait for work.</summary>
/// <remarks>
/// By default libtorch's OpenMP runtime (GCC's) lets a waiting thread spin for milliseconds. On a busy machine the spinning threads take
/// processors from the work that they wait for, and from the library's own loops. With <c>OMP_WAIT_POLICY=PASSIVE</c> they sleep at once,
/// but waking them for each small operation costs a network a third of its time. A short spin avoids both problems. The runtime reads its
/// environment when it is loaded, so this must run before libtorch is loaded.
/// </remarks>
[SupportedOSPlatform("linux")]
internal static class OpenMpSpin
{
    public const string Policy = "OMP_WAIT_POLICY", Count = "GOMP_SPINCOUNT";

    /// <summary>The number of turns of the waiting loop: about 50 microseconds. docs/torchsharp.md has the measurements.</summary>
    private const string Turns = "5000";

    /// <summary>Sets the limit in the environment of the process, unless the user has chosen how threads wait.</summary>
    public static void Bound()
    {
        if (NativeEnvironment.getenv(Policy) == 0 && NativeEnvironment.getenv(Count) == 0)
            _ = NativeEnvironment.setenv(Count, Turns, overwrite: 0);
    }
}
