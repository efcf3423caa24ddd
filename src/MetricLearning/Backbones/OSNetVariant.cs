namespace MetricLearning;

/// <summary>Which norms OSNet has.</summary>
/// <remarks>Zhou, Yang, Cavallaro, Xiang, <i>Learning Generalizable Omni-Scale Representations for Person Re-Identification</i>, TPAMI
/// 2021.</remarks>
public enum OSNetVariant
{
    /// <summary>Batch norm alone: torchreid's <c>osnet_x1_0</c>.</summary>
    Standard,

    /// <summary>Instance norm in place of the first batch norm and after the sums of the first stage: torchreid's
    /// <c>osnet_ibn_x1_0</c>.</summary>
    Ibn,

    /// <summary>Instance norm in place of the first batch norm and, before the sum, in the four blocks that an architecture search chose
    /// for generalization: torchreid's <c>osnet_ain_x1_0</c>.</summary>
    Ain,
}
