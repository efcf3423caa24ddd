namespace MetricLearning.Search;

/// <summary>Says which rows a search may return, and in which order rows with equal scores come.</summary>
/// <remarks>Thread safety: called from several threads at once.</remarks>
internal abstract class RowRules
{
    /// <summary>The only rows that are searched, ascending; null for all.</summary>
    public virtual int[]? Rows => null;

    /// <summary>Whether <see cref="Keeps(int)"/> must be called.</summary>
    public virtual bool SelectsRows => false;

    /// <summary>Whether <see cref="Keeps(int, int)"/> must be called.</summary>
    public virtual bool SelectsPairs => false;

    /// <summary>Whether the filter keeps a row.</summary>
    public virtual bool Keeps(int row) => true;

    /// <summary>Whether a query may find a row.</summary>
    public virtual bool Keeps(int query, int row) => true;

    /// <summary>The order of two rows with equal scores: below 0 if the first comes first.</summary>
    public abstract int Compare(int first, int second);
}
