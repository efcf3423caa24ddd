namespace MetricLearning;

/// <summary>The classes that get the mass ε which label smoothing takes from the class of a sample.</summary>
public enum LabelSmoothingForm
{
    /// <summary>ε/C to every class, the own one too: PyTorch, torchreid, reid-strong-baseline. Szegedy et al., CVPR 2016.</summary>
    AllClasses,

    /// <summary>ε/(C−1) to each other class, and 1 − ε stays: fast-reid.</summary>
    OtherClasses,

    /// <summary>As <see cref="OtherClasses"/>, with a mass of its own for each sample: ε times the probability that the model gives to its
    /// class. As fast-reid's adaptive smoothing.</summary>
    Adaptive,
}
