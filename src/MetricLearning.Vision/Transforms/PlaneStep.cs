namespace MetricLearning.Vision;

/// <summary>A step on the normalised values. Derive from it to add your own.</summary>
public abstract class PlaneStep : ImageStep
{
    /// <summary>Changes the values in place.</summary>
    public abstract void Apply(Planes planes, SeededRandom random);
}
