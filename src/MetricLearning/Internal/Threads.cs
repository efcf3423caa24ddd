using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Loops over independent items on as many threads as libtorch uses.</summary>
internal static class Threads
{
    /// <summary>Multiplications, or numbers read, that take less time than to wake a thread.</summary>
    private const long Little = 1 << 18;

    /// <summary>Whether work is so little that one thread does it at once.</summary>
    public static bool IsLittle(long work) => work <= Little;

    /// <param name="count">How many items.</param>
    /// <param name="body">The item's number.</param>
    /// <param name="work">Multiplications, or numbers read, of all items; little work is done at once, on this thread.</param>
    public static void For(int count, Action<int> body, long work = long.MaxValue)
    {
        var threads = count > 1 && !IsLittle(work) ? get_num_threads() : 1;
        if (threads == 1)
            for (var i = 0; i < count; i++) body(i);
        else
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, body);
    }
}
