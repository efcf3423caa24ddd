using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Finds the columns with the smallest entries of each row of a matrix, without sorting the rows.</summary>
internal static unsafe class NearestColumns
{
    /// <summary>Finds the columns, the smallest entry first. Among equal entries the lower column comes first.</summary>
    /// <param name="block">[N, C], finite: consecutive rows of a square matrix.</param>
    /// <param name="first">The number of the first row in that matrix. The row's own column is left out.</param>
    /// <param name="found">Receives <paramref name="count"/> columns for each row.</param>
    /// <param name="count">The number to choose, less than C.</param>
    public static void Find(Tensor block, int first, Memory<int> found, int count)
    {
        using var scope = NewDisposeScope();
        var numbers = block.to(ScalarType.Float64).cpu().contiguous();
        var columns = (int)numbers.size(1);
        var entries = (nint)TensorMemory.Of(numbers);
        Threads.ForRows(numbers.size(0), columns, row =>
            Find(new ReadOnlySpan<double>((double*)entries + row * columns, columns), first + (int)row,
                found.Span.Slice((int)row * count, count)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Find(ReadOnlySpan<double> entries, int own, Span<int> found)
    {
        var filled = 0;
        for (var column = 0; column < entries.Length; column++)
        {
            if (column == own || (filled == found.Length && entries[column] >= entries[found[^1]])) continue;
            var place = Math.Min(filled, found.Length - 1);
            for (; place > 0 && entries[column] < entries[found[place - 1]]; place--) found[place] = found[place - 1];
            found[place] = column;
            filled = Math.Min(filled + 1, found.Length);
        }
    }
}
