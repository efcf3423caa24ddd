using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Work on inputs in memory that is done in several ways. Each way returns its results, which the caller disposes.</summary>
/// <param name="owned">The objects that are disposed with the work.</param>
internal sealed class Work(params IDisposable[] owned) : IDisposable
{
    /// <summary>The library's way.</summary>
    public required Func<Tensor[]> Ours { get; init; }

    /// <summary>The Python libraries' way, in plain TorchSharp, with the same results; null if no other library has it.</summary>
    public Func<Tensor[]>? Naive { get; init; }

    /// <summary>The least computation that the work needs, such as its matrix product. The results are not compared.</summary>
    public Func<Tensor[]>? Floor { get; init; }

    /// <summary>Converts the results of each way to the form in which they are compared; null if they have the same form.</summary>
    public Func<Tensor[], Tensor[]>? Comparable { get; init; }

    /// <summary>All ways, by their names.</summary>
    public IEnumerable<(string Name, Func<Tensor[]> Run)> Ways
    {
        get
        {
            yield return (nameof(Ours), Ours);
            if (Naive is not null) yield return (nameof(Naive), Naive);
            if (Floor is not null) yield return (nameof(Floor), Floor);
        }
    }

    /// <summary>A way with one result.</summary>
    public static Func<Tensor[]> Of(Func<Tensor> result) => () => [result()];

    /// <summary>A way whose intermediate tensors are disposed and whose results are kept.</summary>
    public static Func<Tensor[]> Scoped(Func<Tensor[]> results) => () =>
    {
        using var scope = NewDisposeScope();
        return Array.ConvertAll(results(), result => result.MoveToOuterDisposeScope());
    };

    /// <summary>The value of a loss without a gradient.</summary>
    public static Func<Tensor[]> Forward(Func<Tensor> loss) => Scoped(() =>
    {
        using var noGradient = no_grad();
        return [loss()];
    });

    /// <summary>A forward and a backward pass: the value of a loss, and the gradients of the leaves.</summary>
    public static Func<Tensor[]> Step(Func<Tensor> loss, params Tensor[] leaves) => Scoped(() =>
    {
        foreach (var leaf in leaves) leaf.grad = null;
        var value = loss();
        value.backward();
        return [value.detach(), .. leaves.Select(leaf => leaf.grad!)];
    });

    public void Dispose()
    {
        foreach (var thing in owned) thing.Dispose();
    }
}
