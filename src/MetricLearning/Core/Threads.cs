using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Runs loops over independent items on as many threads as libtorch uses.</summary>
internal static class Threads
{
    /// <summary>The smallest amount of numbers for one task of <see cref="ForRows"/>.</summary>
    private const int NumbersPerTask = 1 << 14;

    /// <summary>The number of multiplications, or of numbers read, that take as long as waking a thread.</summary>
    private const long SmallWork = 1 << 18;

    /// <summary>Whether the work is so small that one thread alone is faster.</summary>
    /// <param name="work">Multiplications, or numbers read.</param>
    public static bool IsSmall(long work) => work <= SmallWork;

    /// <summary>Calls <paramref name="body"/> for 0, 1, ... count − 1, in any order, on libtorch's own threads where that is
    /// possible (<see cref="OpenMpTeam"/>).</summary>
    /// <param name="count">The number of items.</param>
    /// <param name="body">Takes the number of the item.</param>
    /// <param name="work">Multiplications, or numbers read, of all items together; small work runs on the calling thread.</param>
    public static void For(int count, Action<int> body, long work = long.MaxValue)
    {
        var threads = count > 1 && !IsSmall(work) ? get_num_threads() : 1;
        if (threads > 1 && OpenMpTeam.IsAvailable) OpenMpTeam.For(count, threads, body);
        else For(count, threads, body);
    }

    /// <summary>Does the same on .NET's own threads. It does not call libtorch, so it does not load it. An exception of
    /// <paramref name="body"/> is thrown unchanged, for any number of threads; if several calls fail, it is the exception of one of
    /// them.</summary>
    /// <param name="count">The number of items.</param>
    /// <param name="threads">The largest number of threads.</param>
    /// <param name="body">Takes the number of the item.</param>
    public static void For(int count, int threads, Action<int> body)
    {
        if (count == 1 || threads == 1)
            for (var i = 0; i < count; i++) body(i);
        else
            try
            {
                Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, body);
            }
            catch (AggregateException e)
            {
                ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            }
    }

    /// <summary>Calls <paramref name="body"/> for each row of a matrix; each task takes enough rows to be worth a thread.</summary>
    /// <param name="count">The number of rows.</param>
    /// <param name="width">The number of elements in a row.</param>
    /// <param name="body">Takes the number of the row.</param>
    /// <param name="weight">How many numbers could be read in the time that an element takes. Default: 1.</param>
    public static void ForRows(long count, int width, Action<long> body, int weight = 1)
    {
        var rows = Math.Max(1, NumbersPerTask / weight / Math.Max(1, width));
        For((int)((count + rows - 1) / rows), task =>
        {
            for (var i = (long)task * rows; i < Math.Min(count, (task + 1L) * rows); i++) body(i);
        }, work: count * width * weight);
    }
}
