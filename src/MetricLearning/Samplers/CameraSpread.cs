namespace MetricLearning;

/// <summary>Which pictures of an identity go together when the cameras are known.</summary>
/// <remarks>Under <see cref="IdentityEpoch.AllImages"/> every picture has its place in an epoch, so there both deal an identity's pictures
/// camera by camera in turn: each group of K holds as many cameras as it can.</remarks>
public enum CameraSpread
{
    /// <summary>One picture at random, then pictures of other cameras, each once; where they do not suffice, the rest of its own
    /// camera.</summary>
    OtherCamerasFirst,

    /// <summary>One picture at random, then only pictures of other cameras, drawn with replacement where they do not suffice; the rest of
    /// its own camera only where no other has any (fast-reid's balanced sampler).</summary>
    OtherCamerasOnly,
}
