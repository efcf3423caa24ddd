using Microsoft.ML.OnnxRuntime;

namespace MetricLearning.Onnx.Runtime;

/// <summary>Turns off the telemetry of ONNX Runtime: its official builds send events about their use to Microsoft, and keep an identifier
/// of the computer and a database in the user's cache folder.</summary>
/// <remarks>Thread safety: any number of threads may call it at once.</remarks>
internal static class RuntimeTelemetry
{
    /// <summary>The variable that ONNX Runtime reads once, when it is first used. A user who sets it to 0 wants telemetry.</summary>
    public const string Switch = "ORT_DISABLE_TELEMETRY";

    private const string On = "0", Off = "1";

    // Changing the environment while another thread reads it is not safe, so it is changed once.
    private static readonly Lazy<bool> isOff = new(() =>
    {
        if (Environment.GetEnvironmentVariable(Switch) == On) return false;
        if (!OperatingSystem.IsWindows()) _ = NativeEnvironment.setenv(Switch, Off, overwrite: 1);
        // Windows does not read the variable.
        OrtEnv.Instance().DisableTelemetryEvents();
        return true;
    });

    /// <summary>Turns it off, unless the user wants it. This must run before ONNX Runtime is first used.</summary>
    /// <returns>Whether it is off.</returns>
    public static bool TurnOff() => isOff.Value;
}
