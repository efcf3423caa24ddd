using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Loops over independent items on as many threads as libtorch uses.</summary>
internal static class Threads
{
    private const int NumbersAtOnce = 1 << 14;

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
        }, work: count * width);
    }
}
