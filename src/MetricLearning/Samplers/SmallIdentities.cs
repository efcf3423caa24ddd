namespace MetricLearning;

/// <summary>What becomes of identities with fewer images than a batch holds of each (fewer than K).</summary>
public enum SmallIdentities
{
    /// <summary>K independent draws, so one image may come several times and another not at all (torchreid, Bag of Tricks, open-reid,
    /// fast-reid, pytorch-metric-learning).</summary>
    DrawWithReplacement,

    /// <summary>Every image once before any comes again.</summary>
    Repeat,

    /// <summary>The identity takes no part in training.</summary>
    LeaveOut,
}
