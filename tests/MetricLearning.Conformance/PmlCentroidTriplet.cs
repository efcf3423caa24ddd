using static TorchSharp.torch;

namespace MetricLearning.Conformance;

/// <summary>The centroid triplet loss that pytorch-metric-learning once had.</summary>
/// <remarks>
/// It lists all triplets of queries, their centroids and the class centroids, and selects some of them by position. The selection is right
/// for at most four classes of one size. With more classes it keeps only three of the other classes. With classes of unequal size it
/// selects wrong positions (and gives the centroids of exhausted classes the label of the first row). In these cases the values are
/// compared on the peer's own tuples.
/// </remarks>
public static class PmlCentroidTriplet
{
    public static Verdict Check(GoldenCase golden)
    {
        var margin = golden.Number("margin");
        var sizes = golden.Input("labels").data<long>().ToArray().CountBy(label => label).Select(pair => pair.Value).ToList();
        if (golden.Raises is not null || (sizes.Count <= 4 && sizes.Distinct().Count() == 1))
        {
            using var loss = new CentroidTripletLoss(margin);
            return LossCase.Check(golden, c => loss.call(c.Embeddings, c.Labels));
        }
        using var triplet = new TripletLoss(margin) { Distance = Distance.Euclidean.Normalized(), Reducer = Reducer.NonZeroMean };
        return LossCase.Check(golden, c => OnThePeersTuples(triplet, c.Embeddings, c.Labels.data<long>().ToArray()));
    }

    private static Tensor OnThePeersTuples(TripletLoss loss, Tensor x, long[] labels)
    {
        var classes = Enumerable.Range(0, labels.Length).GroupBy(row => labels[row]).Select(rows => rows.ToArray()).ToList();
        Tensor Mean(IEnumerable<int> rows) => x[tensor(rows.Select(row => (long)row).ToArray())].mean([0]);
        var centroids = classes.Select(rows => Mean(rows)).ToList();

        var points = new List<Tensor>();
        var triplets = new List<(long Anchor, long Positive, long Negative)>();
        for (var round = 0; round < classes.Max(rows => rows.Length); round++)
        {
            var present = classes.Where(rows => round < rows.Length).ToList();
            if (present.Count < 2) continue;
            var own = present.Select(rows => labels[rows[0]]).ToList();
            long[] names = [.. own, .. own, .. classes.Select(rows => round < rows.Length ? labels[rows[0]] : labels[0])];
            var all = All(names, points.Count);
            var cut = all.Take(all.Count / 3).Chunk(all.Count / 3 / present.Count);
            triplets.AddRange(cut.Select(row => row[..((row.Length + 1) / 2)])
                .SelectMany(row => row.Chunk((row.Length + present.Count - 1) / present.Count).Last()));
            points.AddRange(present.Select(rows => x[rows[round]]));
            points.AddRange(present.Select(rows => Mean(rows.Where(row => row != rows[round]))));
            points.AddRange(centroids);
        }
        Tensor Column(Func<(long Anchor, long Positive, long Negative), long> part) => tensor(triplets.Select(part).ToArray());
        return loss.forward(stack(points),
            new Triplets(Column(t => t.Anchor), Column(t => t.Positive), Column(t => t.Negative), points.Count, points.Count));
    }

    private static List<(long Anchor, long Positive, long Negative)> All(long[] names, long offset) =>
    [
        .. from a in Enumerable.Range(0, names.Length)
           from p in Enumerable.Range(0, names.Length)
           where p != a && names[p] == names[a]
           from n in Enumerable.Range(0, names.Length)
           where names[n] != names[a]
           select (a + offset, p + offset, n + offset),
    ];
}
