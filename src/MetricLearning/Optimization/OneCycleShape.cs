namespace MetricLearning;

/// <summary>How the learning rate of a <see cref="OneCycleSchedule"/> rises and falls.</summary>
public enum OneCycleShape
{
    /// <summary>Half a cosine up, half a cosine down (PyTorch's and fast.ai's default).</summary>
    Cosine,

    /// <summary>A straight line up, a straight line down.</summary>
    Linear,

    /// <summary>Half cosines up, back to the first rate in the same time, and down to the end (Smith's paper, PyTorch's
    /// <c>three_phase</c>).</summary>
    CosineInThreePhases,

    /// <summary>The same in straight lines.</summary>
    LinearInThreePhases,
}
