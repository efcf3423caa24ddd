using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Builds the gradients that hand-written backward passes return, and their second derivatives.</summary>
/// <remarks>
/// Native code takes its own reference to each returned tensor after the backward pass has returned, and then nothing frees ours. If the
/// caller has a dispose scope open, the scope frees it. If not, <see cref="Release"/> frees it in the next step, so that one set at most
/// stays alive.
/// </remarks>
internal static class Gradient
{
    [ThreadStatic] private static Tensor?[]? returned;

    /// <summary>Returns one gradient for each argument of the forward pass, null for an argument that has none. Call it inside the dispose
    /// scope of the backward pass.</summary>
    public static List<Tensor> Return(params Tensor?[] gradients)
    {
        Release();
        foreach (var tensor in gradients) tensor?.MoveToOuterDisposeScope();
        returned = gradients;
        return [.. gradients.Select(gradient => gradient!)];
    }

    /// <summary>The gradients of a function that tensor operations compute. They can be differentiated again.</summary>
    /// <param name="function">The function, of handles of the inputs.</param>
    /// <param name="gradient">The gradient of its value.</param>
    /// <param name="inputs">The inputs; null for one that is missing.</param>
    /// <returns>One gradient for each input; null for one that is missing or needs none.</returns>
    public static Tensor?[] Differentiable(Func<Tensor?[], Tensor> function, Tensor gradient, params Tensor?[] inputs)
    {
        // An input may be computed from another, or be the same tensor. The gradient of one must not flow on into the other, so each gets a
        // node of its own.
        var nodes = Array.ConvertAll(inputs, input => input?.view_as(input));
        Tensor[] wanted = [.. nodes.OfType<Tensor>().Where(node => node.requires_grad)];
        var found = new Queue<Tensor>(
            autograd.grad([function(nodes)], wanted, [gradient], create_graph: true, retain_graph: true));
        return Array.ConvertAll(nodes, node => node is { requires_grad: true } ? found.Dequeue() : null);
    }

    /// <summary>Frees what the last backward pass of this thread returned; by now autograd has references of its own.</summary>
    public static void Release()
    {
        foreach (var tensor in returned ?? []) tensor?.Dispose();
        returned = null;
    }
}
