namespace MetricLearning.Vision;

/// <summary>Whether a <see cref="RandomErasing.Fill"/> is a colour or a normalised value: the two dialects of the field.</summary>
public enum ErasingOrder
{
    /// <summary>Erased after normalising: the fill is put into the normalised values as it is. With ImageNet's mean (0.485, …) this is
    /// <i>not</i> the mean colour but a slightly brighter one. Bag of Tricks, TransReID.</summary>
    AfterNormalization,

    /// <summary>Erased before normalising: the fill is a colour in 0 … 1. With ImageNet's mean the normalised values become 0.
    /// fast-reid.</summary>
    BeforeNormalization,
}
