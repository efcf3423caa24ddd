namespace MetricLearning;

/// <summary>How hard the positives, negatives or triplets that a miner keeps are.</summary>
public enum Hardness
{
    /// <summary>Those that are right already: near positives, far negatives, triplets beyond the margin.</summary>
    Easy,

    /// <summary>Those on the right side, by little: the negative beyond the positive that is nearest to it, triplets inside the
    /// margin.</summary>
    SemiHard,

    /// <summary>Those that are wrong most: far positives, near negatives, triplets whose negative is no farther than their
    /// positive.</summary>
    Hard,

    /// <summary>All of them; for triplets all that are inside the margin, semi-hard and hard.</summary>
    All,
}
