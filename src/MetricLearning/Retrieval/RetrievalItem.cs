namespace MetricLearning;

/// <summary>A query or a gallery picture as a protocol sees it.</summary>
/// <param name="Index">Its row.</param>
/// <param name="Id">Its identity.</param>
/// <param name="Camera">Its camera; −1 where there are none.</param>
public readonly record struct RetrievalItem(int Index, long Id, long Camera);
