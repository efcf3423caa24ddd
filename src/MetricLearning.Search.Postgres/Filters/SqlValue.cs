namespace MetricLearning.Search;

/// <summary>A value of a filter in SQL.</summary>
/// <param name="Sql">The expression; a parameter for a captured value.</param>
/// <param name="Type">The type of the value in the program, never nullable.</param>
/// <param name="IsGiven">Whether it is a captured value of the program.</param>
/// <param name="Given">The captured value.</param>
internal readonly record struct SqlValue(string Sql, Type Type, bool IsGiven = false, object? Given = null)
{
    /// <summary>Whether it is a captured null.</summary>
    public bool IsNull => IsGiven && Given is null;

    /// <summary>Whether it may be NaN, which SQL compares in another way than C#.</summary>
    public bool MayBeNaN => Type == typeof(float) || Type == typeof(double);
}
