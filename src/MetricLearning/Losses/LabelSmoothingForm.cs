namespace MetricLearning;

/// <summary>The classes that get the mass ε. Label smoothing takes this mass from the class of a sample.</summary>
public enum LabelSmoothingForm
{
    /// <summary>Every class, including the own one, gets ε/C: PyTorch, torchreid, reid-strong-baseline. Szegedy et al., CVPR
    /// 2016.</summary>
    AllClasses,

    /// <summary>Each other class gets ε/(C−1), and the own class keeps 1 − ε: fast-reid.</summary>
    OtherClasses,

    /// <summary>As <see cref="OtherClasses"/>, with a mass of its own for each sample: ε times the probability that the model gives to its
    /// class. It follows fast-reid's adaptive smoothing.</summary>
    Adaptive,
}
