using System.Runtime.CompilerServices;

namespace MetricLearning;

/// <summary>Checks the features of sets. Each failure names the argument, and says that its features are meant.</summary>
internal static class SetGuard
{
    /// <summary>Requires finite features. The message names the first entry that is not finite.</summary>
    public static void Finite(EmbeddingSet set, [CallerArgumentExpression(nameof(set))] string name = "") =>
        Guard.Finite(set.Features, name, Guard.FeaturesOf(name));

    /// <summary>Requires finite features whose squares neither overflow nor all become 0 in float64.</summary>
    /// <param name="set">The set.</param>
    /// <param name="name">The argument that holds it.</param>
    /// <param name="shown">What the message calls its features; null for the name of the argument.</param>
    public static void Squarable(EmbeddingSet set, [CallerArgumentExpression(nameof(set))] string name = "", string? shown = null)
    {
        shown ??= Guard.FeaturesOf(name);
        Guard.Finite(set.Features, name, shown);
        Guard.RequireSquares(set.Features, shown, name);
    }
}
