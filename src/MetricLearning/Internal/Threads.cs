using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Loops over independent items on as many threads as libtorch uses.</summary>
internal static class Threads
{
    public static void For(int count, Action<int> body)
    {
        var threads = get_num_threads();
        if (threads == 1 || count == 1)
            for (var i = 0; i < count; i++) body(i);
        else
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, body);
    }
}
