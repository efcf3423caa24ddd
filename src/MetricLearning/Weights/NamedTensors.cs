using System.Collections;
using System.Diagnostics.CodeAnalysis;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The tensors of a weights file by name, in the file's order.</summary>
/// <remarks>
/// <para>It owns the tensors: they are in no dispose scope, and <see cref="Dispose"/> frees them. Tensors that shared memory when they were
/// saved share it here.</para>
/// <para>Thread safety: any number of threads may read it at once; one disposes it when no other uses it.</para>
/// </remarks>
public sealed class NamedTensors : IReadOnlyDictionary<string, Tensor>, IDisposable
{
    private readonly List<string> names = [];
    private bool isDisposed;
    private readonly Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> leftOut = new(StringComparer.Ordinal);

    internal NamedTensors(IReadOnlyDictionary<string, string>? metadata = null, IReadOnlyList<WeightSection>? sections = null) =>
        (Metadata, Sections) = (metadata ?? new Dictionary<string, string>(), sections ?? []);

    /// <summary>The metadata of the file (safetensors' <c>__metadata__</c>); empty if there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The sections of the file. The section of these tensors comes first. Empty for a file without
    /// sections.</summary>
    public IReadOnlyList<WeightSection> Sections { get; }

    /// <summary>Descriptions of the entries of the file that are not tensors here, such as "text" or "complex numbers". Empty for a file
    /// that has only tensors.</summary>
    public IReadOnlyDictionary<string, string> LeftOut => leftOut;

    /// <summary>The number of tensors.</summary>
    public int Count => names.Count;

    /// <summary>The names, in the file's order.</summary>
    public IEnumerable<string> Keys => names;

    /// <summary>The tensors, in the file's order.</summary>
    public IEnumerable<Tensor> Values => names.Select(name => InUse[name]);

    /// <summary>The tensor of a name, which this set still owns.</summary>
    /// <exception cref="KeyNotFoundException">There is no such tensor; the message lists names like it, or says what the name stands for
    /// in the file.</exception>
    /// <exception cref="ObjectDisposedException">The tensors have been freed.</exception>
    public Tensor this[string key] => InUse.TryGetValue(key, out var tensor) ? tensor
        : leftOut.TryGetValue(key, out var what) ? throw new KeyNotFoundException($"'{key}' cannot be read: it is {what}.")
        : throw new KeyNotFoundException($"There is no tensor '{key}'. {NearNames.Describe(key, names)}");

    /// <inheritdoc/>
    public bool ContainsKey(string key) => tensors.ContainsKey(key);

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out Tensor value) => InUse.TryGetValue(key, out value);

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, Tensor>> GetEnumerator() =>
        names.Select(name => KeyValuePair.Create(name, InUse[name])).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        isDisposed = true;
        foreach (var tensor in tensors.Values) tensor.Dispose();
    }

    private Dictionary<string, Tensor> InUse
    {
        get
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            return tensors;
        }
    }

    /// <summary>Records the description of a name that is not a tensor; false if it is already recorded.</summary>
    internal bool LeaveOut(string name, string what) => leftOut.TryAdd(name, what);

    /// <summary>Takes ownership of a tensor; false if the name is in use.</summary>
    internal bool TryAdd(string name, Tensor tensor)
    {
        if (!tensors.TryAdd(name, tensor)) return false;
        names.Add(name);
        tensor.DetachFromDisposeScope();
        return true;
    }
}
