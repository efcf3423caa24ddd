namespace MetricLearning;

/// <summary>The positives, negatives or triplets that a miner keeps, by how hard they are.</summary>
public enum Hardness
{
    /// <summary>Those that are already right: near positives, far negatives, triplets beyond the margin.</summary>
    Easy,

    /// <summary>Those that are right by less than the margin: the nearest negative beyond the positive, triplets inside the margin whose
    /// negative is farther than their positive.</summary>
    SemiHard,

    /// <summary>Those that are most wrong: far positives, near negatives, triplets whose negative is no farther than their
    /// positive.</summary>
    Hard,

    /// <summary>All of them. For triplets: all inside the margin, both semi-hard and hard.</summary>
    All,
}
