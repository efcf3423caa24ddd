using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Picks one triplet for each anchor: its farthest positive and its nearest negative.</summary>
/// <remarks>
/// Memory O(N·M). Anchors without a positive or without a negative give no triplet. With a high learning rate training can collapse: watch
/// the active fraction of the loss report. Hermans, Beyer, Leibe, <i>In Defense of the Triplet Loss for Person
/// Re-Identification</i>, 2017; as in pytorch-metric-learning's BatchHardMiner.
/// </remarks>
public sealed class BatchHardMiner : Miner
{
    /// <summary>
    /// Whether an anchor is a positive of itself, as in the losses of torchreid, reid-strong-baseline and fast-reid. An anchor without
    /// another positive then keeps its triplet, with a positive distance of 0. False by default.
    /// </summary>
    public bool AnchorIsPositive { get; init; }

    /// <summary>
    /// Whether all candidates at the hardest distance are taken, instead of the one of the lowest index. With
    /// <see cref="Reducer.PerAnchor"/> they share the gradient evenly, as in a library that takes a plain maximum. False by default.
    /// </summary>
    public bool KeepTies { get; init; }

    /// <inheritdoc/>
    /// <remarks>A float32 batch on the CPU that is compared with itself is searched without its distance matrix, unless the matrix exists
    /// already.</remarks>
    public override Tuples Mine(DistanceView distances)
    {
        ArgumentNullException.ThrowIfNull(distances);
        var batch = distances.Batch;
        var searchable = !KeepTies && !distances.HasMatrix && batch is { MeetsItself: true, Labels: not null, Rows: > 0 }
            && HardestPairs.Supports(batch.Embeddings);
        return searchable && Search(distances) is { } triplets ? triplets : base.Mine(distances);
    }

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var positives = AnchorIsPositive && candidates.Self is { } self
            ? candidates.Positives.scatter(1, self.unsqueeze(1), ones([self.size(0), 1], ScalarType.Bool, self.device))
            : candidates.Positives;
        var (farthest, positive) = distances.masked_fill(positives.logical_not(), S(double.NegativeInfinity)).max(1);
        var (nearest, negative) = distances.masked_fill(candidates.Negatives.logical_not(), S(double.PositiveInfinity)).min(1);
        if (KeepTies)
            return new Pairs(
                positives & (distances < farthest.unsqueeze(1)).logical_not(),
                candidates.Negatives & (distances > nearest.unsqueeze(1)).logical_not()).AsTriplets();
        var anchors = (CandidateOrder.Has(positives, positive) & CandidateOrder.Has(candidates.Negatives, negative)).nonzero().squeeze(1);
        return new Triplets(anchors, positive.index_select(0, anchors), negative.index_select(0, anchors), candidates.Rows,
            candidates.Columns);
    }

    /// <summary>Searches without the matrix. Null if the distance is not a function of products of rows, or if a row is not
    /// finite.</summary>
    private Triplets? Search(DistanceView distances)
    {
        var (batch, rows) = (distances.Batch, distances.Prepared.X);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        if (distances.Distance.OfPrepared.Form(rows) is not { } form || HardestPairs.Find(form, batch.Labels!, AnchorIsPositive)
            is not { } pairs) return null;
        var (positives, negatives) = pairs;
        long[] anchors = [.. Enumerable.Range(0, positives.Length).Where(row => positives[row] >= 0 && negatives[row] >= 0)];
        long[] OfAnchors(int[] columns) => Array.ConvertAll(anchors, row => (long)columns[row]);
        var triplets = new Triplets(anchors, OfAnchors(positives), OfAnchors(negatives), batch.Rows, batch.Columns);
        triplets.MoveToOuterDisposeScope();
        return triplets;
    }
}
