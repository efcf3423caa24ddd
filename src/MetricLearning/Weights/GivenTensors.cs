using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Checks the named tensors that a caller wants to write.</summary>
internal static class GivenTensors
{
    /// <summary>The tensors in their order.</summary>
    /// <exception cref="ArgumentException">A name is null or has half of a surrogate pair, or a tensor is null, disposed, sparse or of
    /// more dimensions than a file may have. The message names the tensor.</exception>
    public static List<KeyValuePair<string, Tensor>> Checked(IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        var list = tensors.ToList();
        foreach (var (name, tensor) in list)
        {
            if (name is null) throw new ArgumentException("tensors must have names, got null.", nameof(tensors));
            if (!UnicodeText.IsWhole(name)) throw new ArgumentException(
                $"tensors must have names of valid Unicode, but '{UnicodeText.Shown(name)}' {UnicodeText.Flaw}.", nameof(tensors));
            if (tensor is null || tensor.IsInvalid) throw new ArgumentException(
                $"tensors must be neither null nor disposed, got {(tensor is null ? "null" : "a disposed one")} for '{name}'.",
                nameof(tensors));
            if (tensor.is_sparse) throw new ArgumentException($"tensors must be dense, got a sparse one for '{name}'.", nameof(tensors));
            if (tensor.dim() > RawTensor.MostDimensions) throw new ArgumentException(
                $"tensors must have at most {RawTensor.MostDimensions} dimensions, got {tensor.dim()} for '{name}'.", nameof(tensors));
        }
        return list;
    }
}
