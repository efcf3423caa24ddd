namespace MetricLearning;

/// <summary>A layer that describes its computation as operations, so that its network can be exported to another runtime.</summary>
/// <remarks>
/// <para>Every backbone, pooling and neck of this library is such a layer. To export your own backbone, implement this interface in it and
/// in each of your own layers inside it. TorchSharp's layers need nothing, because <see cref="NetworkGraph.Run"/> knows them.</para>
/// <para>Thread safety: a description only reads the layer, so any number of threads may describe it at once. No thread may train it or
/// load weights meanwhile.</para>
/// </remarks>
public interface IGraphLayer
{
    /// <summary>Writes the operations of the layer in evaluation mode into a graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="input">The input of the layer.</param>
    /// <returns>The output of the layer.</returns>
    /// <exception cref="NotSupportedException">The layer has no description with these settings; the message names it.</exception>
    GraphValue Describe(NetworkGraph graph, GraphValue input);
}
