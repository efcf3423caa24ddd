using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace MetricLearning;

/// <summary>The environment variables that native libraries read. .NET's <c>Environment</c> has its own copy of the variables, which native
/// code does not see.</summary>
[UnsupportedOSPlatform("windows")]
internal static partial class NativeEnvironment
{
    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint getenv(string name);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int setenv(string name, string value, int overwrite);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int unsetenv(string name);
}
