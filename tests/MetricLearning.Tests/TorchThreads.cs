using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Sets the number of threads of libtorch and of the library's loops until it is disposed.</summary>
internal readonly struct TorchThreads : IDisposable
{
    private readonly int before = get_num_threads();

    public TorchThreads(int count) => set_num_threads(count);

    public void Dispose() => set_num_threads(before);
}
