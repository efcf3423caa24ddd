namespace MetricLearning;

/// <summary>The order in which a <see cref="GroupByLabelSampler"/> draws the rows of the labels.</summary>
public enum LabelOrder
{
    /// <summary>The labels give two rows in turn, in a new random order in each round, until a single label is left. Each batch has at
    /// least two labels, and so positives and negatives (sentence-transformers from version 5.3).</summary>
    InTurn,

    /// <summary>A label gives all its rows before the next one. A label with many rows fills whole batches, which then have no negatives
    /// (sentence-transformers before version 5.3).</summary>
    OneByOne,
}
