namespace MetricLearning;

/// <summary>A layer that says what it computes, operation by operation, so that its network can be written for another runtime.</summary>
/// <remarks>
/// <para>Every backbone, pooling and neck of this library is one. A backbone of your own that is to be exported implements it beside its
/// forward pass, and so does every layer of your own inside it. TorchSharp's layers need nothing: <see cref="NetworkGraph.Run"/> knows
/// them.</para>
/// <para>Thread safety: a description only reads the layer, so any number of threads may describe it at once; nobody may train it or load
/// weights meanwhile.</para>
/// </remarks>
public interface IGraphLayer
{
    /// <summary>Writes the operations of the layer in evaluation mode into a graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="input">What the layer takes.</param>
    /// <returns>What the layer gives.</returns>
    /// <exception cref="NotSupportedException">The layer has no description with these settings; the message names it.</exception>
    GraphValue Describe(NetworkGraph graph, GraphValue input);
}
