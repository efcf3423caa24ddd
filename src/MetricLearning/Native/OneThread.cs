using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Lets libtorch compute on the calling thread alone, and changes nothing for other threads.</summary>
/// <remarks>
/// <c>torch.set_num_threads</c> cannot do this: it also sets the number for every thread that calls libtorch later. The runtimes of OpenMP
/// and MKL keep a number for each thread, and this class sets it there.
/// </remarks>
internal static unsafe class OneThread
{
    private static readonly Lazy<Functions?> functions = new(() => OperatingSystem.IsLinux() ? Find() : null);

    /// <summary>Whether it can be done here. It needs the libtorch of TorchSharp's own package on Linux.</summary>
    public static bool IsPossible => functions.Value is not null;

    /// <summary>Computes on this thread alone.</summary>
    public static T Run<T>(Func<T> compute)
    {
        var native = functions.Value!;
        get_num_threads();      // libtorch sets the thread's number in its first call, so that call comes before ours
        var before = native.Count();
        native.SetCount(1);
        var matrices = native.SetMatrixCount(1);
        try
        {
            return compute();
        }
        finally
        {
            native.SetCount(before);
            _ = native.SetMatrixCount(matrices);
        }
    }

    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    private static Functions? Find()
    {
        TorchNativeLibrary.EnsureLoaded();
        string[] files = [.. LoadedFiles.StartingWith("libtorch_cpu."), .. LoadedFiles.StartingWith("libgomp")];
        nint Export(string name) => files.Select(file => NativeLibrary.TryLoad(file, out var library)
            && NativeLibrary.TryGetExport(library, name, out var address) ? address : 0).FirstOrDefault(address => address != 0);
        var (count, set, matrices) = (Export("omp_get_max_threads"), Export("omp_set_num_threads"), Export("MKL_Set_Num_Threads_Local"));
        return count == 0 || set == 0 || matrices == 0 ? null : new(count, set, matrices);
    }

    private sealed class Functions(nint count, nint set, nint matrices)
    {
        public int Count() => ((delegate* unmanaged<int>)count)();

        public void SetCount(int threads) => ((delegate* unmanaged<int, void>)set)(threads);

        public int SetMatrixCount(int threads) => ((delegate* unmanaged<int, int>)matrices)(threads);
    }
}
