namespace MetricLearning;

/// <summary>A part of a weights file that holds tensors by name: a dictionary of a PyTorch checkpoint, or a module of a training
/// checkpoint.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Path">The name that readers take as their argument <c>section</c>: its dotted path in the file; empty for the outermost
/// dictionary.</param>
/// <param name="Tensors">The number of its tensors.</param>
public sealed record WeightSection(string Path, int Tensors)
{
    /// <summary><c>ema.state_dict (320 tensors)</c>.</summary>
    public override string ToString() =>
        $"{(Path.Length == 0 ? "the outermost dictionary" : Path)} ({MessageText.Counted(Tensors, "tensor")})";
}
