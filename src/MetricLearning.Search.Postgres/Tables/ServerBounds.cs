using System.Globalization;

namespace MetricLearning.Search;

/// <summary>Bounds the error of the server's scores.</summary>
/// <remarks>
/// <para>pgvector adds products of float32 numbers in float32, in any order. With u = 2⁻²⁴ and γ = n u / (1 − n u), n = D + 8:
/// a sum of D products differs from the exact one by at most γ Σ |xᵢ yᵢ| ≤ γ ‖x‖ ‖y‖, and by at most D 2⁻¹⁴⁹ if products underflow.
/// Hence</para>
/// <para>dot product: |p' − p| ≤ γ ‖x‖ ‖y‖ + D 2⁻¹⁴⁹;</para>
/// <para>squared Euclidean distance, whose terms are all positive and each of which is off by (1 + u)³ at most: e ≥ e' (1 − 2 γ) − D
/// 2⁻¹⁴⁸;</para>
/// <para>cosine: the sums of both squared lengths are off by a factor 1 ± γ each, so |s' − s| ≤ γ + γ (1 + 2 γ) plus the underflow.
/// Together this is less than 4 γ if lengths are at least 10⁻¹⁵.</para>
/// <para>Lengths are kept between 10⁻¹⁵ (for cosines) and 10¹⁸, so that no sum overflows and no length underflows.</para>
/// </remarks>
internal static class ServerBounds
{
    private const double Unit = 1.0 / (1 << 24), Shortest = 1e-15, Longest = 1e18, Smallest = 1.5e-45;

    /// <summary>The operator class of an index.</summary>
    public static string OperatorClass(SearchMetric metric) => metric switch
    {
        SearchMetric.Cosine => "vector_cosine_ops",
        SearchMetric.Dot => "vector_ip_ops",
        _ => "vector_l2_ops",
    };

    /// <summary>The operator of a distance; smaller is nearer.</summary>
    public static string Operator(SearchMetric metric) => metric switch
    {
        SearchMetric.Cosine => "<=>",
        SearchMetric.Dot => "<#>",
        _ => "<->",
    };

    /// <summary>The expression by which the server sorts rows. Rows that come after a row are not nearer than <see cref="HighestScore"/> of
    /// its number. The expression is written in a form for which the server uses no index.</summary>
    /// <param name="shape">The rows.</param>
    /// <param name="column">Their column.</param>
    /// <param name="query">The parameter of the query.</param>
    /// <param name="norm">The length of the query.</param>
    public static string Order(RowShape shape, string column, string query, double norm)
    {
        var distance = $"({column} {Operator(shape.Metric)} {query})";
        return shape.Metric == SearchMetric.Dot
            ? string.Create(CultureInfo.InvariantCulture,
                $"{distance} - {1.001 * Gamma(shape.Width) * norm:R}::float8 * vector_norm({column})")
            : $"{distance} + 0";
    }

    /// <summary>The highest possible exact score (<see cref="ExactScore"/>) of a row that comes after a row with this number.</summary>
    public static double HighestScore(RowShape shape, double number)
    {
        var gamma = Gamma(shape.Width);
        return shape.Metric switch
        {
            SearchMetric.Cosine => 1 - number + 4 * gamma,
            SearchMetric.Dot => -number + shape.Width * Smallest + 1e-12 * Math.Abs(number),
            _ => -Math.Max(0, number * number * (1 - 2 * gamma - 1e-12) - 2 * shape.Width * Smallest),
        };
    }

    /// <summary>Finds why a vector is refused: an index would refuse it (<see cref="VectorFault.Of"/>), or the bounds do not cover its
    /// length.</summary>
    public static VectorFault? Fault(RowShape shape, ReadOnlySpan<float> vector)
    {
        if (VectorFault.Of(shape, vector) is { } fault) return fault;
        var (norm, least) = (ExactScore.Norm(vector), shape.Metric == SearchMetric.Cosine ? Shortest : 0);
        if (norm >= least && norm <= Longest) return null;
        var culture = CultureInfo.InvariantCulture;
        return new VectorFault(
            string.Create(culture, $"must have a length in [{least}, {Longest}], because PostgreSQL compares in float32"),
            string.Create(culture, $"{norm} in"));
    }

    private static double Gamma(int width) => (width + 8) * Unit / (1 - (width + 8) * Unit);
}
