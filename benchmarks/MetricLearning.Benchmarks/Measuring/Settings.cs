using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>The device and the number of threads. They apply to the whole process, as in libtorch.</summary>
internal static class Settings
{
    /// <summary>The device of the inputs.</summary>
    public static Device Device { get; private set; } = CPU;

    /// <summary>libtorch's threads, which the library's own loops use too.</summary>
    public static int Threads => get_num_threads();

    public static void Apply(string device, int threads)
    {
        set_num_threads(threads);
        Device = torch.device(device);
        if (Device.type == DeviceType.CUDA && !cuda.is_available()) throw new InvalidOperationException("There is no CUDA device here.");
        using var first = zeros(1, device: Device);
    }

    /// <summary>Waits for the device, so that a clock measures the work and not its launch.</summary>
    public static void Synchronize()
    {
        if (Device.type == DeviceType.CUDA) cuda.synchronize();
    }
}
