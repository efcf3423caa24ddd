using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Finds the semi-hard negatives of positive pairs, row by row in the memory of the distance matrix.</summary>
internal static unsafe class SemiHardSearch
{
    private const int MostPositives = 64;

    /// <summary>Whether to search in place: the matrix is on the CPU and the indices fit. If every positive is used, each row must also
    /// have few positives, because each takes one pass of the row.</summary>
    public static bool Supports(Tensor distances, Pairs candidates, SemiHardPositives which) =>
        SimdRows.Supports(distances) && candidates.Device.type == TorchSharp.DeviceType.CPU
            && candidates.Columns <= CandidateRow<float>.MostColumns
        && candidates.Rows * candidates.Columns <= int.MaxValue
        && (which != SemiHardPositives.Each || PositivePairs(candidates) <= MostPositives * candidates.Rows);

    /// <summary>Finds the triplets, in order of anchor and then of positive.</summary>
    /// <param name="distances">[N, M].</param>
    /// <param name="candidates">Over the same N and M.</param>
    /// <param name="which">Which positives of an anchor are used.</param>
    /// <param name="fallback">What happens to a pair if no negative is beyond its positive.</param>
    public static Triplets Find(Tensor distances, Pairs candidates, SemiHardPositives which, SemiHardFallback fallback) =>
        distances.dtype == ScalarType.Float32
            ? Find<float>(distances, candidates, which, fallback)
            : Find<double>(distances, candidates, which, fallback);

    /// <summary>Finds for every positive pair all negatives at the distance of its semi-hard negative. If no negative is beyond the
    /// positive, it finds the farthest negatives. Pairs are in order of anchor and then of positive.</summary>
    /// <returns>The anchors and the positives of the K pairs, and for each of the L negatives the number of its pair, from 0, and its
    /// column.</returns>
    public static (long[] Anchors, long[] Positives, long[] Pairs, long[] Negatives) WithTies(Tensor distances, Pairs candidates) =>
        distances.dtype == ScalarType.Float32 ? WithTies<float>(distances, candidates) : WithTies<double>(distances, candidates);

    private static (long[], long[], long[], long[]) WithTies<T>(Tensor distances, Pairs candidates)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var found = new List<(int Positive, List<int> Negatives)>?[candidates.Rows];
        ForRows<T>(distances, candidates, (row, candidate) =>
        {
            for (var p = -1; (p = candidate.NextPositive(p + 1)) >= 0;)
            {
                var negative = candidate.NegativeBeyond(candidate[p]);
                (found[row] ??= []).Add((p, candidate.NegativesAsFarAs(negative < 0 ? candidate.Negative(farthest: true) : negative)));
            }
        });
        var pairs = found.SelectMany((list, row) => list?.Select(pair => (Row: (long)row, pair.Positive, pair.Negatives)) ?? []).ToArray();
        var negatives = pairs.SelectMany((pair, number) => pair.Negatives.Select(negative => (Number: (long)number, (long)negative)))
            .ToArray();
        return (Array.ConvertAll(pairs, pair => pair.Row), Array.ConvertAll(pairs, pair => (long)pair.Positive),
            Array.ConvertAll(negatives, n => n.Number), Array.ConvertAll(negatives, n => n.Item2));
    }

    /// <summary>Calls <paramref name="body"/> with the number and the candidates of each row, on several threads.</summary>
    public static void ForRows<T>(Tensor distances, Pairs candidates, Action<int, CandidateRow<T>> body)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        using var scope = NewDisposeScope();
        var (matrix, near, far) = (TensorMemory.Contiguous(distances), TensorMemory.Contiguous(candidates.Positives),
            TensorMemory.Contiguous(candidates.Negatives));
        T* first = (T*)TensorMemory.Of(matrix);
        byte* positives = TensorMemory.Of(near), negatives = TensorMemory.Of(far);
        var columns = (int)candidates.Columns;
        Threads.ForRows(candidates.Rows, columns, row =>
            body((int)row, new(first + row * columns, positives + row * columns, negatives + row * columns, columns)));
    }

    private static Triplets Find<T>(Tensor distances, Pairs candidates, SemiHardPositives which, SemiHardFallback fallback)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var found = new List<(int Positive, int Negative)>?[candidates.Rows];
        ForRows<T>(distances, candidates, (row, candidate) =>
        {
            var each = which == SemiHardPositives.Each;
            for (var p = each ? candidate.NextPositive(0) : candidate.Positive(which == SemiHardPositives.Hardest); p >= 0;
                p = each ? candidate.NextPositive(p + 1) : -1)
            {
                var negative = candidate.NegativeBeyond(candidate[p]);
                if (negative < 0 && (fallback == SemiHardFallback.FarthestNegative || T.IsNaN(candidate[p])))
                    negative = candidate.Negative(farthest: true);
                if (negative >= 0) (found[row] ??= []).Add((p, negative));
            }
        });
        var triplets = found.SelectMany((list, row) => list?.Select(pair => (Row: (long)row, pair.Positive, pair.Negative)) ?? [])
            .ToArray();
        return new(Array.ConvertAll(triplets, t => t.Row), Array.ConvertAll(triplets, t => (long)t.Positive),
            Array.ConvertAll(triplets, t => (long)t.Negative), candidates.Rows, candidates.Columns);
    }

    private static long PositivePairs(Pairs candidates)
    {
        using var scope = NewDisposeScope();
        return RowMath.Count(TensorMemory.Contiguous(candidates.Positives));
    }
}
