namespace MetricLearning;

/// <summary>Draws a uniform sample of a stream, which may be far too long for memory.</summary>
internal static class Reservoir
{
    /// <summary>Draws <paramref name="size"/> different places in [0, length), each set equally likely, in ascending order; all places if
    /// there are fewer.</summary>
    /// <remarks>O(size·(1 + log(length / size))) draws: Li, <i>Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))</i>,
    /// 1994, algorithm L.</remarks>
    public static long[] Sample(SeededRandom random, long length, int size)
    {
        var kept = new long[Math.Min(length, size)];
        for (var i = 0; i < kept.Length; i++) kept[i] = i;
        if (length <= size) return kept;
        double Uniform() => 1 - random.NextDouble();
        var w = Math.Exp(Math.Log(Uniform()) / size);
        var next = size - 1L;
        while (true)
        {
            var skip = Math.Floor(Math.Log(Uniform()) / Math.Log(1 - w));
            if (!(skip < length - 1 - next)) break;
            next += (long)skip + 1;
            kept[random.NextInt(size)] = next;
            w *= Math.Exp(Math.Log(Uniform()) / size);
        }
        Array.Sort(kept);
        return kept;
    }
}
