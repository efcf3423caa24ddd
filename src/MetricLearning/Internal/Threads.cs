using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Loops over independent items on as many threads as libtorch uses.</summary>
internal static class Threads
{
    private const int NumbersAtOnce = 1 << 14;

    public static void For(int count, Action<int> body)
    {
        var threads = get_num_threads();
        if (threads == 1 || count == 1)
            for (var i = 0; i < count; i++) body(i);
        else
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, body);
    }

    /// <summary>For each row of a matrix, so many at once that it is worth a thread's while.</summary>
    /// <param name="count">Rows.</param>
    /// <param name="width">Numbers in a row.</param>
    /// <param name="body">Is given the number of a row.</param>
    public static void ForRows(long count, int width, Action<long> body)
    {
        var atOnce = Math.Max(1, NumbersAtOnce / Math.Max(1, width));
        For((int)((count + atOnce - 1) / atOnce), part =>
        {
            for (var i = (long)part * atOnce; i < Math.Min(count, (part + 1L) * atOnce); i++) body(i);
        });
    }
}
