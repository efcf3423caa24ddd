using static TorchSharp.torch;

namespace MetricLearning.Conformance;

/// <summary>
/// pytorch-metric-learning's miners: both must give the same set of tuples, or the same distances if rows are equal. HDC cuts one sorted
/// list of the whole batch. In this list (i, j) and (j, i) tie, so only the distances must agree.
/// </summary>
public static class PmlMiners
{
    public static Verdict Check(GoldenCase golden)
    {
        var name = golden.Name.Split("__")[0];
        var miner = PmlPieces.MinerOf(name, golden.Params);
        if (miner is null) return Verdict.Skipped(name);
        var embeddings = golden.Input("embeddings").to(ScalarType.Float64);
        var n = embeddings.size(0); // distances from differences, so that equal rows tie exactly
        var distances = miner.Distance!.Pairwise(embeddings.repeat_interleave(n, 0), embeddings.repeat(n, 1)).view(n, n);
        var mined = miner.Mine(distances, Pairs.FromLabels(golden.Input("labels")));
        var ties = miner is HdcMiner ? 0 : golden.Batch == "duplicates" ? 1 : int.MaxValue;
        if (golden.HasOutput("anchor"))
        {
            var got = mined.AsTriplets();
            return Compare("triplets", distances, ties, [got.Anchors, got.Positives, got.Negatives],
                [golden.Output("anchor"), golden.Output("positive"), golden.Output("negative")]);
        }
        var (anchors, positives) = mined.PositivePairs();
        var verdict = Compare("positive pairs", distances, ties, [anchors, positives],
            [golden.Output("anchor1"), golden.Output("positive")]);
        if (verdict.Outcome != Outcome.Passed) return verdict;
        (anchors, var negatives) = mined.NegativePairs();
        return Compare("negative pairs", distances, ties, [anchors, negatives], [golden.Output("anchor2"), golden.Output("negative")]);
    }

    private static Verdict Compare(string what, Tensor distances, int ties, Tensor[] got, Tensor[] expected)
    {
        var (ours, theirs) = (Tuples(got, distances, ties), Tuples(expected, distances, ties));
        return ours.SequenceEqual(theirs) ? Verdict.Passed
            : Verdict.Failed($"{what}: {ours.Count} of ours, {theirs.Count} expected, first difference "
                + ours.Zip(theirs).Where(both => both.First != both.Second).Select(both => $"{both.First} for {both.Second}")
                    .FirstOrDefault("in number"));
    }

    /// <summary>Each tuple as text, sorted: its indices, or, from position <paramref name="ties"/> on, the distance to the anchor in place
    /// of the index.</summary>
    private static List<string> Tuples(Tensor[] columns, Tensor distances, int ties)
    {
        var indices = columns.Select(column => column.data<long>().ToArray()).ToArray();
        return [.. Enumerable.Range(0, indices[0].Length)
            .Select(k => string.Join(' ', indices.Select((column, i) =>
                i < ties ? $"{column[k]}" : distances[indices[0][k], column[k]].item<double>().ToString("F5", null))))
            .Order(StringComparer.Ordinal)];
    }
}
