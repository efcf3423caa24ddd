namespace MetricLearning;

/// <summary>How the images of an identity are chosen if the cameras are known.</summary>
/// <remarks>Under <see cref="IdentityEpoch.AllImages"/> the images of each identity are cut into groups of K. There both values deal
/// the images so that the groups of the identity together have as many different cameras as possible.</remarks>
public enum CameraSpread
{
    /// <summary>One image at random, then images of other cameras, each once. If these are too few, further images of the first one's
    /// camera.</summary>
    OtherCamerasFirst,

    /// <summary>One image at random, then only images of other cameras, drawn with replacement if they are too few. Images of the same
    /// camera are used only if no other camera has any (fast-reid's balanced sampler).</summary>
    OtherCamerasOnly,
}
