using System.Runtime.CompilerServices;

namespace MetricLearning;

/// <summary>Checks the features of sets. Each failure names the argument, and says that its features are meant.</summary>
internal static class SetGuard
{
    /// <summary>Requires finite features. The message names the first entry that is not finite.</summary>
    public static void Finite(EmbeddingSet set, [CallerArgumentExpression(nameof(set))] string name = "")
    {
        if (Guard.NotFinite(set.Features) is { } found)
            throw new ArgumentException($"{Guard.FeaturesOf(name)} must be finite, got {found}.", name);
    }

    /// <summary>Requires finite features whose squares neither overflow nor all become 0 in float64.</summary>
    public static void Squarable(EmbeddingSet set, [CallerArgumentExpression(nameof(set))] string name = "")
    {
        Finite(set, name);
        Guard.RequireSquares(set.Features, Guard.FeaturesOf(name), name);
    }
}
