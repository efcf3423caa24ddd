namespace MetricLearning;

/// <summary>A fast binary search in ascending numbers: a table of equal buckets leads to the right part.</summary>
internal sealed class EdgeIndex
{
    private const int Buckets = 1 << 16;
    private readonly double[] edges;
    private readonly int[] starts = new int[Buckets + 1];
    private readonly double low, perUnit;

    public EdgeIndex(double[] ascending)
    {
        edges = ascending;
        if (edges.Length > 0)
        {
            low = edges[0];
            perUnit = Buckets / (edges[^1] - low);
            if (!double.IsFinite(perUnit)) perUnit = 0;
        }
        var place = 0;
        for (var bucket = 0; bucket < Buckets; bucket++)
        {
            while (place < edges.Length && Bucket(edges[place]) < bucket) place++;
            starts[bucket] = place;
        }
        starts[Buckets] = edges.Length;
    }

    public int Count => edges.Length;

    public double this[int place] => edges[place];

    /// <summary>The index of the first edge that is not below a value; the number of edges if all are below it.</summary>
    public int LowerBound(double value)
    {
        // The bucket of a value rises with the value, so the edges of lower buckets are below it and the edges of higher buckets above it.
        var bucket = Bucket(value);
        var (from, to) = (starts[bucket], starts[bucket + 1]);
        while (from < to)
        {
            var middle = (from + to) >>> 1;
            if (edges[middle] < value) from = middle + 1;
            else to = middle;
        }
        return from;
    }

    private int Bucket(double value) => (int)Math.Clamp((value - low) * perUnit, 0, Buckets - 1);
}
