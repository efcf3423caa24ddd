namespace MetricLearning;

/// <summary>What happens to identities with fewer than K images.</summary>
public enum SmallIdentities
{
    /// <summary>K independent draws, so one image may occur several times and another not at all (torchreid, Bag of Tricks, open-reid,
    /// fast-reid, pytorch-metric-learning).</summary>
    DrawWithReplacement,

    /// <summary>Every image is drawn once before any is drawn again.</summary>
    Repeat,

    /// <summary>The identity is not used in training.</summary>
    LeaveOut,
}
