using System.Globalization;

namespace MetricLearning.Search;

/// <summary>Why a vector is refused. Nothing is allocated for a vector without a fault, and the caller names the vector only if it has
/// one.</summary>
/// <param name="Rule">What a vector must be.</param>
/// <param name="Got">What it is, up to the word before its name.</param>
/// <param name="Advice">A sentence that follows; empty if there is none.</param>
internal sealed record VectorFault(string Rule, string Got, string Advice = "")
{
    /// <summary>Finds why an index refuses a vector: it has another width, is not finite, or is all zeros for the cosine.</summary>
    /// <returns>The fault; null if there is none.</returns>
    public static VectorFault? Of(RowShape shape, ReadOnlySpan<float> vector)
    {
        if (vector.Length != shape.Width)
            return new($"must have {shape.Width} numbers per vector", $"{vector.Length} in");
        for (var i = 0; i < vector.Length; i++)
            if (!float.IsFinite(vector[i]))
                return new("must be finite", string.Create(CultureInfo.InvariantCulture, $"{vector[i]} at index {i} of"));
        return shape.Metric == SearchMetric.Cosine && !vector.ContainsAnyExcept(0f)
            ? new("must not be all zeros for the cosine", "zeros in") : null;
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="name">The name of the argument that holds the vector.</param>
    /// <param name="which">Names the vector.</param>
    public ArgumentException In(string name, string which) => new($"{name} {Rule}, got {Got} {which}.{Advice}", name);
}
