namespace MetricLearning.Vision;

/// <summary>The meaning of <see cref="RandomErasing.Fill"/>: a color or a normalized value. Publications use both.</summary>
public enum ErasingOrder
{
    /// <summary>Erase after normalizing: the fill is a normalized value. With ImageNet's mean (0.485, …) this is <i>not</i> the mean color
    /// but a slightly brighter one. Bag of Tricks and TransReID do this.</summary>
    AfterNormalization,

    /// <summary>Erase before normalizing: the fill is a color in 0 … 1. With ImageNet's mean the normalized values become 0. fast-reid does
    /// this.</summary>
    BeforeNormalization,
}
