namespace MetricLearning;

/// <summary>The value of a loss on one batch, with counts that show what happened in it.</summary>
/// <remarks>
/// Most figures come from the computation of the loss itself and from counting labels. Only a detailed report measures
/// <see cref="MeanDistance"/> and <see cref="EffectiveRank"/>. They cost a distance matrix and one product of the embeddings, so ask for
/// them only every hundred steps or so. Together with <see cref="ActiveFraction"/> they show a collapse, which the value alone does not
/// show: the mean distance falls towards 0, the active fraction stays near 1 while the loss stays near its margin, and the effective rank
/// falls towards 0 or 1.
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record LossReport
{
    /// <summary>The value of the loss.</summary>
    public required double Value { get; init; }

    /// <summary>The number of rows of the batch.</summary>
    public required long Anchors { get; init; }

    /// <summary>The number of values that were reduced: triplets, pairs or samples.</summary>
    public required long Terms { get; init; }

    /// <summary>The number of terms that are not 0. Only these give a gradient.</summary>
    public required long Active { get; init; }

    /// <summary>The number of anchors that have no positive in the batch or among the references.</summary>
    public required long WithoutPositives { get; init; }

    /// <summary>The number of anchors that have no negative in the batch or among the references.</summary>
    public required long WithoutNegatives { get; init; }

    /// <summary>The number of rows of the batch that hold a NaN or an infinity. References are not counted: if the loss is NaN and this is
    /// 0, a reference (a row of a <see cref="CrossBatchMemory"/>) or a learned number is not finite.</summary>
    public required long NonFinite { get; init; }

    /// <summary>
    /// The mean distance between two rows of the batch, or between a row and a reference. It is measured by the loss's own distance, or by
    /// the Euclidean distance if the loss has none. 0 if there is no such pair. Null unless the report is detailed.
    /// </summary>
    public double? MeanDistance { get; init; }

    /// <summary>
    /// The number of directions in which the rows spread: (Σλ)² / Σλ² of the eigenvalues λ of their covariance, at most min(N − 1, D); 0
    /// if the rows are equal up to the rounding of their type. Null unless the report is detailed.
    /// </summary>
    public double? EffectiveRank { get; init; }

    /// <summary>The share of the terms that are not 0: <see cref="Active"/> ÷ <see cref="Terms"/>; 0 if there are no terms.</summary>
    public double ActiveFraction => Terms == 0 ? 0 : (double)Active / Terms;
}
