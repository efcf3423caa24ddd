using Microsoft.Extensions.VectorData;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>Converts internal scores to those of a distance function of the abstractions.</summary>
/// <param name="Metric">The metric.</param>
/// <param name="LargerIsNearer">Whether a larger score is nearer.</param>
/// <param name="Show">Converts a score of <see cref="RowShape.Score"/> to the returned score.</param>
internal sealed record RecordDistance(SearchMetric Metric, bool LargerIsNearer, Func<double, double> Show)
{
    /// <summary>The distance of a property; the cosine similarity if it names none.</summary>
    /// <exception cref="NotSupportedException">The property names a distance function that is not supported.</exception>
    public static RecordDistance Of(VectorPropertyModel property) => property.DistanceFunction switch
    {
        null or DistanceFunction.CosineSimilarity => new(SearchMetric.Cosine, true, score => score),
        DistanceFunction.CosineDistance => new(SearchMetric.Cosine, false, score => 1 - score),
        DistanceFunction.DotProductSimilarity => new(SearchMetric.Dot, true, score => score),
        DistanceFunction.NegativeDotProductSimilarity => new(SearchMetric.Dot, false, score => -score),
        DistanceFunction.EuclideanDistance => new(SearchMetric.Euclidean, false, score => Math.Sqrt(-score)),
        DistanceFunction.EuclideanSquaredDistance => new(SearchMetric.Euclidean, false, score => -score),
        var other => throw new NotSupportedException($"The vector '{property.ModelName}' asks for the distance function '{other}', which "
            + "is not one of the cosine, dot product and Euclidean ones."),
    };

    /// <summary>A condition on returned scores: at least as near as a threshold; true for all if there is none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The threshold is NaN.</exception>
    public Func<double, bool> Reaches(double? threshold)
    {
        if (threshold is not { } given) return _ => true;
        Guard.NotNaN(given, nameof(VectorSearchOptions<object>.ScoreThreshold));
        return score => LargerIsNearer ? score >= given : score <= given;
    }
}
