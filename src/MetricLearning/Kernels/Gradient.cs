using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>What hand-written backward passes return, and how they compute second derivatives.</summary>
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

    /// <summary>The gradient of a value that tensor operations computed. It can be differentiated again.</summary>
    /// <param name="value">A function of x, with gradient.</param>
    /// <param name="x">The input.</param>
    /// <param name="gradient">The gradient of the value.</param>
    public static Tensor Differentiable(Tensor value, Tensor x, Tensor gradient) =>
        autograd.grad([value], [x], [gradient], create_graph: true, retain_graph: true)[0];

    /// <summary>The same for a function of x and y. An input that is null or needs no gradient gets null.</summary>
    public static (Tensor? X, Tensor? Y) Differentiable(Tensor value, Tensor x, Tensor? y, Tensor gradient)
    {
        Tensor[] inputs = [.. new[] { x, y }.OfType<Tensor>().Where(input => input.requires_grad)];
        var found = new Queue<Tensor>(autograd.grad([value], inputs, [gradient], create_graph: true, retain_graph: true));
        Tensor? Next(Tensor? input) => input is { requires_grad: true } ? found.Dequeue() : null;
        return (Next(x), Next(y));
    }

    /// <summary>Frees what the last backward pass of this thread returned; by now autograd has references of its own.</summary>
    public static void Release()
    {
        foreach (var tensor in returned ?? []) tensor?.Dispose();
        returned = null;
    }
}
