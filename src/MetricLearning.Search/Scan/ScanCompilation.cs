namespace MetricLearning.Search;

/// <summary>Compiles the methods of a search before the first search needs them.</summary>
/// <remarks>The first search of a process spends most of its time in .NET's compiler. A store that opens a file waits for other code to be
/// compiled and for the disk, so a second processor can compile the search meanwhile.</remarks>
internal static class ScanCompilation
{
    private const int Rows = 256, Width = 16;

    private static int begun;

    /// <summary>Begins on another thread. Later calls do nothing.</summary>
    public static void Begin()
    {
        if (Environment.ProcessorCount == 1 || Interlocked.Exchange(ref begun, 1) != 0) return;
        // If it fails, nobody needs to know: the first search compiles what is missing.
        Task.Run(Search);
    }

    /// <summary>Searches a few rows for the first of them.</summary>
    public static Neighbor[] Search()
    {
        var shape = new RowShape(SearchMetric.Cosine, Width);
        var numbers = new float[Rows + Width];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = i % 7 + 1;
        var vectors = new ReadOnlyMemory<float>[Rows];
        for (var i = 0; i < Rows; i++) vectors[i] = numbers.AsMemory(i, Width);
        var set = new RowSet(shape).With(vectors, [], threads: 1);
        return Scan.Run(set, new QuerySet(shape, set.Center, vectors[..1], threads: 1), k: 4, new AllRows(), item => item, threads: 1,
            CancellationToken.None)[0];
    }

    private sealed class AllRows : RowRules
    {
        public override int Compare(int first, int second) => first - second;
    }
}
