using System.Runtime.ExceptionServices;

namespace MetricLearning.Search;

/// <summary>Runs loops on several threads. It does not read libtorch's settings, because that would load libtorch.</summary>
internal static class SearchThreads
{
    /// <summary>Calls an action for 0, 1, ... count − 1, in any order. An exception of the action is thrown unchanged.</summary>
    /// <param name="count">The number of items.</param>
    /// <param name="threads">The largest number of threads.</param>
    /// <param name="action">Takes the number of the item.</param>
    public static void For(int count, int threads, Action<int> action)
    {
        if (count == 1 || threads == 1)
            for (var i = 0; i < count; i++) action(i);
        else
            try
            {
                Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, action);
            }
            catch (AggregateException e)
            {
                ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            }
    }
}
