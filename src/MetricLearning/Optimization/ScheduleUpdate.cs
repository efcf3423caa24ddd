namespace MetricLearning;

/// <summary>When a schedule changes the learning rate.</summary>
public enum ScheduleUpdate
{
    /// <summary>At every iteration (fast-reid's warm-up; most current recipes).</summary>
    EachIteration,

    /// <summary>Only between epochs: within an epoch the rate is constant (Bag of Tricks, torchreid).</summary>
    EachEpoch,
}
