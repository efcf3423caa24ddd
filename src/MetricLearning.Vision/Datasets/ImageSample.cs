namespace MetricLearning.Vision;

/// <summary>One picture of a dataset.</summary>
/// <param name="Path">Its file.</param>
/// <param name="Identity">Whom or what it shows. In re-identification, 0 is a distractor and −1 junk.</param>
/// <param name="Camera">The camera it comes from, as the dataset numbers them; 0 where there are none.</param>
/// <param name="Track">The passage before the camera that it is part of, numbered from 1; 0 where tracks are not known.</param>
public sealed record ImageSample(string Path, long Identity, long Camera, long Track = 0);
