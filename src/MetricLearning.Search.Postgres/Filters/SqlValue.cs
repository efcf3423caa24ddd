namespace MetricLearning.Search;

/// <summary>A value of a filter in SQL.</summary>
/// <param name="Sql">The expression; a parameter for what the program has given.</param>
/// <param name="Type">The type of the value in the program, never nullable.</param>
/// <param name="IsGiven">Whether the program has given it.</param>
/// <param name="Given">What the program has given.</param>
internal readonly record struct SqlValue(string Sql, Type Type, bool IsGiven = false, object? Given = null)
{
    /// <summary>Whether the program has given null.</summary>
    public bool IsNull => IsGiven && Given is null;

    /// <summary>Whether it may be NaN, which SQL compares otherwise.</summary>
    public bool MayBeNaN => Type == typeof(float) || Type == typeof(double);
}
