using System.Runtime.CompilerServices;

namespace MetricLearning.Search;

/// <summary>A row that may be among the nearest of a query: its exact score lies between two numbers.</summary>
internal record struct Candidate(int Row, double Low, double High)
{
    public readonly bool IsExact => Low == High;
}

/// <summary>The rows of one part of an index that may be among the k nearest of one query.</summary>
internal sealed class Candidates
{
    private readonly int k, capacity;
    private Candidate[] items = [];
    private double[] lows = [];

    /// <param name="k">The number of rows that are wanted.</param>
    /// <param name="most">The greatest number of rows that can be added.</param>
    public Candidates(int k, int most) => (this.k, capacity) = (k, Capacity(k, most));

    /// <summary>The greatest number of candidates that are held at once.</summary>
    public static int Capacity(int k, int most) => (int)Math.Min(most, 4L * k + 64);

    public int Count { get; private set; }

    public ReadOnlySpan<Candidate> Items => items.AsSpan(0, Count);

    /// <summary>Whether candidates must be dropped before another one is added.</summary>
    public bool IsFull => Count == capacity;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(Candidate candidate)
    {
        if (Count == items.Length) Array.Resize(ref items, Math.Min(capacity, Math.Max(64, 2 * items.Length)));
        items[Count++] = candidate;
    }

    /// <summary>Adds all candidates of another part. Nothing is dropped.</summary>
    public void Add(Candidates other)
    {
        Array.Resize(ref items, Count + other.Count);
        other.Items.CopyTo(items.AsSpan(Count));
        Count += other.Count;
    }

    /// <summary>Drops the candidates that cannot be among the nearest. If too many stay, it computes their exact scores and keeps at most
    /// k.</summary>
    /// <param name="scores">The exact score of a row.</param>
    /// <param name="rules">The order of equal scores.</param>
    /// <returns>A lower bound of the scores of the k nearest rows.</returns>
    public double MakeRoom(Func<int, double> scores, RowRules rules)
    {
        var least = Prune();
        if (Count <= capacity / 4 * 3) return least;
        Measure(scores);
        least = Prune();
        if (Count > capacity / 4 * 3) Cut(rules);
        return least;
    }

    /// <summary>Returns the k nearest rows, in order, each with its exact score.</summary>
    /// <param name="scores">The exact score of a row.</param>
    /// <param name="rules">The order of equal scores.</param>
    public Candidate[] Nearest(Func<int, double> scores, RowRules rules)
    {
        Prune();
        Measure(scores);
        Prune();
        Cut(rules);
        return Items.ToArray();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Measure(Func<int, double> scores)
    {
        foreach (ref var item in items.AsSpan(0, Count))
            if (!item.IsExact) item.Low = item.High = scores(item.Row);
    }

    private void Cut(RowRules rules)
    {
        items.AsSpan(0, Count).Sort((x, y) => x.Low == y.Low ? rules.Compare(x.Row, y.Row) : y.Low.CompareTo(x.Low));
        Count = Math.Min(Count, k);
    }

    /// <summary>Drops the candidates whose highest possible score is below the k-th largest of the lowest possible scores. It returns that
    /// k-th largest score: k rows have at least this score.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private double Prune()
    {
        if (Count <= k) return Count == k && k > 0 ? Lowest() : double.NegativeInfinity;
        if (lows.Length < Count) lows = new double[items.Length];
        for (var i = 0; i < Count; i++) lows[i] = items[i].Low;
        var least = Selection.Largest(lows.AsSpan(0, Count), k);
        var kept = 0;
        for (var i = 0; i < Count; i++)
            if (items[i].High >= least) items[kept++] = items[i];
        Count = kept;
        return least;
    }

    private double Lowest()
    {
        var lowest = double.PositiveInfinity;
        foreach (var item in Items) lowest = Math.Min(lowest, item.Low);
        return lowest;
    }
}
