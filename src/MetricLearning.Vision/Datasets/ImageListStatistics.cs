namespace MetricLearning.Vision;

/// <summary>What a list of pictures holds, counted as the papers' tables count it.</summary>
/// <param name="Identities">Different identities; distractors (0) and junk (−1) are not counted as such.</param>
/// <param name="Images">All pictures, distractors and junk included.</param>
/// <param name="Cameras">Different cameras; 0 where there are none.</param>
/// <param name="Distractors">Pictures of identity 0, which match nobody. Only lists with cameras have any.</param>
/// <param name="Junk">Pictures of identity −1, which the protocol ignores. Only lists with cameras have any.</param>
public readonly record struct ImageListStatistics(int Identities, int Images, int Cameras, int Distractors, int Junk);
