namespace MetricLearning.Search;

/// <summary>Computes the exact scores of rows for one query.</summary>
/// <param name="rows">The rows.</param>
/// <param name="query">The query.</param>
/// <param name="square">The square of its length.</param>
internal readonly unsafe struct QueryScorer(ScanRows rows, float* query, double square)
{
    /// <summary>The exact score of a row.</summary>
    public double Score(int row) => rows.Score(query, square, row);

    /// <summary>Begins to fetch the vector of a row from memory.</summary>
    public void Fetch(int row) => rows.Fetch(row);
}
