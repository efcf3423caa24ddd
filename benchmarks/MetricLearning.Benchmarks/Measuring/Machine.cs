using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text.Json.Serialization;
using TorchSharp;

namespace MetricLearning.Benchmarks;

/// <summary>The machine on which figures were measured. The guard prefers the record of an equal machine, and allows wider margins for that
/// of another one.</summary>
/// <param name="Processor">The name, family and model of the CPU, also if the device is a GPU.</param>
/// <param name="Simd">The widest vectors that .NET uses.</param>
/// <param name="Threads">The number of libtorch's threads.</param>
/// <param name="Device">cpu or cuda.</param>
/// <param name="Gpu">The name of the GPU; null if the device is the CPU.</param>
internal sealed record Machine(string Processor, string Simd, int Threads, string Device, string? Gpu = null)
{
    private static readonly Lazy<string> gpu = new(GpuName);

    public static Machine Current => new(
        CpuName(),
        Vector512.IsHardwareAccelerated ? "512 bit" : Vector256.IsHardwareAccelerated ? "256 bit" : "128 bit",
        Settings.Threads,
        Settings.Device.type == DeviceType.CUDA ? "cuda" : "cpu",
        Settings.Device.type == DeviceType.CUDA ? gpu.Value : null);

    /// <summary>The system, the runtime and the libraries.</summary>
    public static string CurrentVersions => string.Join(", ",
        RuntimeInformation.OSDescription.Trim(), RuntimeInformation.FrameworkDescription,
        $"TorchSharp {typeof(torch).Assembly.GetName().Version!.ToString(3)}", $"libtorch {torch.__version__}");

    /// <summary>The device, with the name of a GPU.</summary>
    [JsonIgnore]
    public string FullDevice => Gpu is null ? Device : $"{Device} {Gpu}";

    /// <summary>The name of the file with its figures.</summary>
    [JsonIgnore]
    public string FileName => string.Join('-', $"{Processor} {Simd} {Threads} threads {FullDevice}".ToLowerInvariant()
        .Split([.. " (),.:/\\"], StringSplitOptions.RemoveEmptyEntries)) + ".json";

    /// <summary>The names of the GPUs, each once. TorchSharp does not tell them, but the program of the driver does.</summary>
    private static string GpuName()
    {
        using var program = Process.Start(new ProcessStartInfo("nvidia-smi", ["--query-gpu=name", "--format=csv,noheader"])
        {
            RedirectStandardOutput = true,
        })!;
        var names = program.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        program.WaitForExit();
        return program.ExitCode == 0 && names.Length > 0 ? string.Join(", ", names.Distinct())
            : throw new InvalidOperationException("nvidia-smi does not name the GPU, and records of different GPUs must not be mixed.");
    }

    private static string CpuName()
    {
        if (!File.Exists("/proc/cpuinfo")) return RuntimeInformation.ProcessArchitecture.ToString();
        var lines = File.ReadLines("/proc/cpuinfo").TakeWhile(line => line.Length > 0)
            .Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries))
            .Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
        string Of(string name) => lines.GetValueOrDefault(name, "unknown");
        return $"{Of("model name")} (family {Of("cpu family")}, model {Of("model")})";
    }
}
