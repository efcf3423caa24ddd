using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Retrieval step by step, in plain tensors: normalize, compare, sort. For figures use <see cref="RetrievalEvaluator"/>, which
/// needs less memory and decides near ties exactly.</summary>
/// <remarks>Thread safety: any number of threads may call it at once.</remarks>
/// <example><code>
/// using var q = Similarity.Normalize(query.Features);
/// using var g = Similarity.Normalize(gallery.Features);
/// using var similarity = Similarity.Matrix(q, g);             // [Q, G]
/// using var nearest = Similarity.Order(similarity);           // [Q, G]: gallery rows, the most similar first
/// using var distances = 1 - similarity;
/// Console.WriteLine(evaluator.Evaluate(distances, query.Identities, gallery.Identities, query.Cameras, gallery.Cameras));
/// </code></example>
public static class Similarity
{
    /// <summary>Scales rows to length 1: <c>x / max(‖x‖, 1e-12)</c>; a zero row stays zero.</summary>
    /// <remarks>Half precision is computed in float32 and converted back. A row whose length is not finite, or too large for the sum of its
    /// squares (above 1.8·10¹⁹ in float32), becomes NaN.</remarks>
    /// <param name="features">[N, D].</param>
    /// <returns>[N, D], which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The features are not [N, D], or not floating point.</exception>
    public static Tensor Normalize(Tensor features)
    {
        Guard.Matrix(features);
        using var scope = NewDisposeScope();
        return RowMath.Normalized(features, dim: 1).MoveToOuterDisposeScope();
    }

    /// <summary>Computes the dot product of every query with every gallery row. For normalized rows it is the cosine of their angle, in
    /// [−1, 1].</summary>
    /// <param name="query">[Q, D].</param>
    /// <param name="gallery">[G, D], of the same type and on the same device.</param>
    /// <returns>[Q, G], which the caller disposes.</returns>
    /// <exception cref="ArgumentException">Widths, types or devices differ.</exception>
    public static Tensor Matrix(Tensor query, Tensor gallery)
    {
        Guard.SameWidth(query, gallery);
        return Product.Of(query, gallery);
    }

    /// <summary>Sorts the gallery rows of each query by descending similarity, with ties by index.</summary>
    /// <param name="similarity">[Q, G].</param>
    /// <returns>int64 [Q, G], which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The similarities are not [Q, G], not floating point, or one is NaN; the message names its
    /// place.</exception>
    public static Tensor Order(Tensor similarity)
    {
        Guard.Matrix(similarity);
        Guard.NoNaN(similarity);        // a sort would put it first
        var (values, indices) = similarity.sort(dim: 1, descending: true, stable: true);
        values.Dispose();
        return indices;
    }
}
