namespace MetricLearning;

/// <summary>Computes the shapes of the results of operations. Sizes that depend on an unknown size are unknown too.</summary>
internal static class Shapes
{
    private const long Unknown = GraphValue.Unknown;

    /// <summary>The number of windows along an axis.</summary>
    public static long Windows(long size, long kernel, long stride, long padding, long dilation = 1, bool roundUp = false)
    {
        if (size == Unknown) return Unknown;
        var room = size + 2 * padding - dilation * (kernel - 1) - 1;
        var windows = (room + (roundUp ? stride - 1 : 0)) / stride + 1;
        // As in PyTorch, the last window must begin within the input or its left padding.
        return roundUp && (windows - 1) * stride >= size + padding ? windows - 1 : windows;
    }

    /// <summary>Broadcasts two shapes.</summary>
    public static long[] Broadcast(IReadOnlyList<long> x, IReadOnlyList<long> y)
    {
        var result = new long[Math.Max(x.Count, y.Count)];
        for (var i = 1; i <= result.Length; i++)
        {
            long a = i <= x.Count ? x[^i] : 1, b = i <= y.Count ? y[^i] : 1;
            result[^i] = a == 1 ? b : b == 1 || a == b ? a : a == Unknown ? b : a;
        }
        return result;
    }

    /// <summary>The shape after a reshape: 0 keeps the size of the same axis, −1 is the remaining size.</summary>
    public static long[] Reshape(IReadOnlyList<long> from, IReadOnlyList<long> to)
    {
        var result = to.Select((size, axis) => size == 0 ? from[axis] : size).ToArray();
        var free = to.ToList().IndexOf(-1);
        // If the batch axis is kept, its free size is on both sides and cancels.
        var (left, right) = (to[0] == 0 ? from.Skip(1) : from, to[0] == 0 ? result.Skip(1).Where(size => size != -1) : result);
        if (free >= 0) result[free] = left.Contains(Unknown) ? Unknown : left.Aggregate(1L, Product) / right.Aggregate(1L, Product);
        return result;

        static long Product(long x, long y) => x * y;
    }

    /// <summary>A shape without some axes, or with size 1 in them.</summary>
    public static long[] Reduce(IReadOnlyList<long> from, IReadOnlyList<int> axes, bool keep) =>
        [.. from.Select((size, axis) => axes.Contains(axis) ? 1 : size).Where((_, axis) => keep || !axes.Contains(axis))];

    /// <summary>A shape with another size in one axis.</summary>
    public static long[] With(IReadOnlyList<long> from, int axis, long size) => [.. from.Select((old, i) => i == axis ? size : old)];
}
