namespace MetricLearning;

/// <summary>A query or a gallery image, with the properties that a protocol uses.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Index">Its row.</param>
/// <param name="Identity">Its identity.</param>
/// <param name="Camera">Its camera; −1 if there are none.</param>
public readonly record struct RetrievalItem(int Index, long Identity, long Camera);
