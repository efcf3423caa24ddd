namespace MetricLearning;

/// <summary>Draws items without replacement, each in proportion to its weight among those that are left.</summary>
/// <remarks>
/// A Fenwick tree of the weights finds and changes an item in O(log n), so a draw of k items costs O(k log n) and not O(n) (Fenwick, <i>A
/// new data structure for cumulative frequency tables</i>, 1994). Weights are whole numbers, so no sum is rounded.
/// <para>Thread safety: one thread at a time.</para>
/// </remarks>
internal sealed class WeightedChoice
{
    private readonly int[] weights;
    private readonly int[] sums;       // sums[i]: of the weights of the lowbit(i) items that end with item i − 1
    private readonly int highest;      // the highest power of two that is at most the number of items
    private int total;

    /// <param name="weights">One weight above 0 for each item; their sum fits an int.</param>
    public WeightedChoice(IReadOnlyList<int> weights)
    {
        this.weights = [.. weights];
        sums = new int[weights.Count + 1];
        for (highest = 1; 2 * highest <= weights.Count;) highest *= 2;
        for (var item = 0; item < weights.Count; item++) Add(item, weights[item]);
    }

    /// <summary>The number of items.</summary>
    public int Count => weights.Length;

    /// <summary>Chooses different items.</summary>
    /// <param name="count">The number of items to choose, at most <see cref="Count"/>.</param>
    /// <param name="random">The random numbers.</param>
    /// <returns>The items in the order in which they were drawn. The next call chooses among all again.</returns>
    public int[] Choose(int count, SeededRandom random)
    {
        var chosen = new int[count];
        for (var i = 0; i < count; i++)
        {
            chosen[i] = ItemAt(random.NextInt(total));
            Add(chosen[i], -weights[chosen[i]]);
        }
        foreach (var item in chosen) Add(item, weights[item]);
        return chosen;
    }

    private void Add(int item, int weight)
    {
        total += weight;
        for (var i = item + 1; i < sums.Length; i += i & -i) sums[i] += weight;
    }

    /// <summary>The item at a position, where each item takes as many positions as its weight.</summary>
    private int ItemAt(int place)
    {
        var item = 0;
        for (var step = highest; step > 0; step /= 2)
            if (item + step < sums.Length && sums[item + step] <= place)
            {
                item += step;
                place -= sums[item];
            }
        return item;
    }
}
