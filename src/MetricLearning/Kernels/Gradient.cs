using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>What a way back written by hand returns.</summary>
/// <remarks>
/// Native code takes its own reference of each tensor after the way back has returned, and nothing frees ours. An open dispose scope of
/// the caller does; where there is none, <see cref="Release"/> in the next step, so that one at most is left.
/// </remarks>
internal static class Gradient
{
    [ThreadStatic] private static Tensor?[]? returned;

    /// <summary>One gradient for each argument of the way there, null for what has none. To be called within the way back's own dispose
    /// scope.</summary>
    public static List<Tensor> Of(params Tensor?[] gradients)
    {
        Release();
        foreach (var tensor in gradients) tensor?.MoveToOuterDisposeScope();
        returned = gradients;
        return [.. gradients.Select(gradient => gradient!)];
    }

    /// <summary>The gradient of a value that tensor operations made, with a gradient of its own.</summary>
    /// <param name="value">Made of x with gradient.</param>
    /// <param name="x">What it was made of.</param>
    /// <param name="gradient">Of the value.</param>
    public static Tensor OfPlain(Tensor value, Tensor x, Tensor gradient) =>
        autograd.grad([value], [x], [gradient], create_graph: true, retain_graph: true)[0];

    /// <summary>The same where the value was made of x and, unless that is null, of y; null for what wants none.</summary>
    public static (Tensor? X, Tensor? Y) OfPlain(Tensor value, Tensor x, Tensor? y, Tensor gradient)
    {
        Tensor[] inputs = [.. new[] { x, y }.OfType<Tensor>().Where(input => input.requires_grad)];
        var found = new Queue<Tensor>(autograd.grad([value], inputs, [gradient], create_graph: true, retain_graph: true));
        Tensor? Next(Tensor? input) => input is { requires_grad: true } ? found.Dequeue() : null;
        return (Next(x), Next(y));
    }

    /// <summary>Frees what the thread's last way back returned; autograd has its own references by now.</summary>
    public static void Release()
    {
        foreach (var tensor in returned ?? []) tensor?.Dispose();
        returned = null;
    }
}
