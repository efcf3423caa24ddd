namespace MetricLearning.Quality;

/// <summary>What networks are trained on.</summary>
internal enum DataKind
{
    /// <summary>Stored features of real people, on which a head is trained.</summary>
    Features,

    /// <summary>Handwritten characters of Omniglot, 28 × 28.</summary>
    Drawings,

    /// <summary>Pedestrians that the sample draws, 64 × 32.</summary>
    Pedestrians,
}
