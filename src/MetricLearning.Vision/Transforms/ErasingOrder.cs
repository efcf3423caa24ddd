namespace MetricLearning.Vision;

/// <summary>Whether a <see cref="RandomErasing.Fill"/> is a color or a normalized value: the two dialects of the field.</summary>
public enum ErasingOrder
{
    /// <summary>Erased after normalizing: the fill is put into the normalized values as it is. With ImageNet's mean (0.485, …) this is
    /// <i>not</i> the mean color but a slightly brighter one. Bag of Tricks, TransReID.</summary>
    AfterNormalization,

    /// <summary>Erased before normalizing: the fill is a color in 0 … 1. With ImageNet's mean the normalized values become 0.
    /// fast-reid.</summary>
    BeforeNormalization,
}
