namespace MetricLearning;

/// <summary>Which argument of a public call the rows of a matrix come from. Messages name this argument, and the row in it.</summary>
/// <param name="First">The argument of the first rows.</param>
/// <param name="Count">How many rows come from it.</param>
/// <param name="Second">The argument of the other rows; null if there are none.</param>
internal sealed record RowOrigin(string First, int Count = int.MaxValue, string? Second = null)
{
    /// <summary>The rows of queries.</summary>
    public static RowOrigin Query { get; } = new("query");

    /// <summary>The rows of a gallery.</summary>
    public static RowOrigin Gallery { get; } = new("gallery");

    /// <summary>The argument that a row comes from, what messages call its features, and the number of the row in it.</summary>
    public (string Argument, string Features, int Row) Of(int row)
    {
        var argument = row < Count ? First : Second!;
        return (argument, Guard.FeaturesOf(argument), row < Count ? row : row - Count);
    }
}
