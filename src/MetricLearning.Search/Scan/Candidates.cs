using System.Buffers;
using System.Runtime.CompilerServices;

namespace MetricLearning.Search;

/// <summary>The rows of one part of an index that may be among the k nearest of one query. The exact score of each lies between two
/// numbers.</summary>
/// <remarks>The arrays of a search of few queries come from the pool of the process, so that such searches leave little for the garbage
/// collector. They go back when the candidates have been used: after <see cref="Nearest"/>, and when they have been added to others. If a
/// search fails, the garbage collector frees them. Batches do not use the pool: it holds too few arrays for them, and threads that rent
/// many of them wait for each other.</remarks>
internal sealed class Candidates
{
    private readonly int k, capacity;
    private readonly bool pooled;
    private int length;
    private int[] rows = [];
    private double[] lows = [], highs = [];

    /// <param name="k">The number of rows that are wanted.</param>
    /// <param name="most">The greatest number of rows that can be added.</param>
    /// <param name="pooled">Whether the arrays come from the pool.</param>
    public Candidates(int k, int most, bool pooled) => (this.k, capacity, this.pooled) = (k, Capacity(k, most), pooled);

    /// <summary>The greatest number of candidates that are held at once.</summary>
    public static int Capacity(int k, int most) => (int)Math.Min(most, 4L * k + 64);

    public int Count { get; private set; }

    /// <summary>Whether candidates must be dropped before another one is added.</summary>
    public bool IsFull => Count == capacity;

    /// <summary>With at most this number of candidates there is room for a while.</summary>
    private int Roomy => capacity / 4 * 3;

    /// <summary>Adds a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="low">Its exact score is at least this.</param>
    /// <param name="high">Its exact score is at most this.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int row, double low, double high)
    {
        if (Count == length) Grow(Math.Min(capacity, Math.Max(128, 4 * Count)));
        (rows[Count], lows[Count], highs[Count]) = (row, low, high);
        Count++;
    }

    /// <summary>Adds all candidates of another part, which cannot be used afterwards. Nothing is dropped.</summary>
    public void Add(Candidates other)
    {
        Grow(Count + other.Count);
        other.rows.AsSpan(0, other.Count).CopyTo(rows.AsSpan(Count));
        other.lows.AsSpan(0, other.Count).CopyTo(lows.AsSpan(Count));
        other.highs.AsSpan(0, other.Count).CopyTo(highs.AsSpan(Count));
        Count += other.Count;
        other.GiveBack();
    }

    /// <summary>Drops the candidates that cannot be among the nearest. If too many stay, it computes their exact scores and keeps at most
    /// k.</summary>
    /// <param name="scorer">Computes the exact score of a row.</param>
    /// <param name="rules">The order of equal scores.</param>
    /// <returns>A lower bound of the scores of the k nearest rows.</returns>
    public double MakeRoom(QueryScorer scorer, RowRules rules)
    {
        var least = Prune();
        if (Count <= Roomy) return least;
        Measure(scorer);
        least = Prune();
        if (Count > Roomy) Cut(rules);
        return least;
    }

    /// <summary>Returns the k nearest rows, in order, each with its exact score. The candidates cannot be used afterwards.</summary>
    /// <param name="scorer">Computes the exact score of a row.</param>
    /// <param name="rules">The order of equal scores.</param>
    public Neighbor[] Nearest(QueryScorer scorer, RowRules rules)
    {
        Prune();
        Measure(scorer);
        Cut(rules);
        var nearest = new Neighbor[Count];
        for (var i = 0; i < Count; i++) nearest[i] = new Neighbor(rows[i], lows[i]);
        GiveBack();
        return nearest;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Measure(QueryScorer scorer)
    {
        for (var i = 0; i < Count; i++)
        {
            // The rows lie anywhere in memory, so the processor cannot know the next one.
            if (i + 1 < Count) scorer.Fetch(rows[i + 1]);
            if (lows[i] != highs[i]) lows[i] = highs[i] = scorer.Score(rows[i]);
        }
    }

    /// <summary>Leaves the k nearest rows, nearest first. All scores must be exact.</summary>
    private void Cut(RowRules rules)
    {
        var numbers = rows.AsSpan(0, Count);
        var scores = lows.AsSpan(0, Count);
        scores.Sort(numbers);
        scores.Reverse();
        numbers.Reverse();
        for (int first = 0, end; first < Math.Min(k, Count); first = end)
        {
            for (end = first + 1; end < Count && scores[end] == scores[first]; end++) { }
            if (end - first > 1) numbers[first..end].Sort(rules.Compare);
        }
        Count = Math.Min(Count, k);
        scores[..Count].CopyTo(highs);
    }

    /// <summary>Drops the candidates whose highest possible score is below the lowest possible scores of k others. It returns a score that
    /// k rows have at least.</summary>
    private double Prune()
    {
        if (Count <= k) return Count == k && k > 0 ? Selection.Range(lows.AsSpan(0, Count)).Low : double.NegativeInfinity;
        var least = Selection.Reached(lows.AsSpan(0, Count), k);
        Drop(least);
        if (Count <= Roomy) return least;
        // The scores are spread so unevenly that the estimate is too rough.
        least = Selection.Largest(lows.AsSpan(0, Count).ToArray(), k);
        Drop(least);
        return least;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Drop(double least)
    {
        var kept = 0;
        for (var i = 0; i < Count; i++)
        {
            // Each is written, so that the processor need not guess which ones stay.
            (rows[kept], lows[kept], highs[kept]) = (rows[i], lows[i], highs[i]);
            kept += highs[kept] >= least ? 1 : 0;
        }
        Count = kept;
    }

    private void Grow(int most)
    {
        rows = Grown(rows, most);
        lows = Grown(lows, most);
        highs = Grown(highs, most);
        length = most;
    }

    private T[] Grown<T>(T[] values, int most)
    {
        var grown = pooled ? ArrayPool<T>.Shared.Rent(most) : GC.AllocateUninitializedArray<T>(most);
        values.AsSpan(0, Count).CopyTo(grown);
        if (pooled) ArrayPool<T>.Shared.Return(values);
        return grown;
    }

    private void GiveBack()
    {
        if (!pooled) return;
        ArrayPool<int>.Shared.Return(rows);
        ArrayPool<double>.Shared.Return(lows);
        ArrayPool<double>.Shared.Return(highs);
        (rows, lows, highs) = ([], [], []);
        Count = length = 0;
    }
}
