namespace MetricLearning;

/// <summary>The cost of a row of class scores, and its derivatives.</summary>
/// <param name="Value">The cost.</param>
/// <param name="Own">The derivative with respect to the logit of the own class.</param>
/// <param name="LogSum">The derivative with respect to the log-sum-exp of the other logits.</param>
/// <param name="Sum">The derivative with respect to the sum of the other logits.</param>
internal readonly record struct RowCost(double Value, double Own, double LogSum, double Sum);
