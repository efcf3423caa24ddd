namespace MetricLearning;

/// <summary>A model with several outputs that describes its computation from images as operations.</summary>
/// <remarks>
/// <para><see cref="EmbeddingModel"/>, every <see cref="PartModel"/> of this library and <see cref="TransReId"/> are such models.</para>
/// <para>Thread safety: a description only reads the model, so any number of threads may describe it at once. No thread may train it or
/// load weights meanwhile.</para>
/// </remarks>
public interface IGraphModel
{
    /// <summary>Writes the operations of the model in evaluation mode into a graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="images">The images [N, C, H, W].</param>
    /// <returns>The outputs by name: <c>embedding</c> first, then <c>features</c> and <c>logits</c>, if a model has them. If it has several
    /// of a kind, the names end with a number, such as <c>logits.0</c>.</returns>
    /// <exception cref="NotSupportedException">The model has no description with these settings; the message names the part.</exception>
    IReadOnlyList<KeyValuePair<string, GraphValue>> Describe(NetworkGraph graph, GraphValue images);
}
