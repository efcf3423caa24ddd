namespace MetricLearning;

/// <summary>The published variants of k-reciprocal re-ranking. They take different distances and count neighbors differently, so their
/// figures differ.</summary>
public enum KReciprocalDialect
{
    /// <summary>The paper's Python code and reid-strong-baseline (Bag of Tricks): squared Euclidean distances divided by their row's
    /// maximum; lists of k1 neighbors and the image itself; the same distances blended in.</summary>
    Zhong,

    /// <summary>torchreid: as <see cref="Zhong"/>, but the distances that it is given are squared once more. Its engine passes squared
    /// Euclidean distances (so d⁴) or cosine distances.</summary>
    TorchReId,

    /// <summary>fast-reid: lists of k1 images that count the image itself (one neighbor fewer); weights <c>softmax(−‖x − y‖²)</c> on the
    /// raw scale; blended with the distance of the evaluation, 1 − cosine, as it is.</summary>
    FastReId,
}
