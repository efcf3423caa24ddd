using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Loads weights from files into models.</summary>
/// <remarks>
/// <para>Without a renaming, names are kept unless more of them fit the model after one of these changes: a common prefix is removed
/// (<c>module.</c>, <c>_orig_mod.</c>, <c>module.encoder_q.</c>, or any other), the prefix <c>backbone.</c> is added, or both. Names
/// outside the wrapped part, such as those of a classifier, lose as much of the prefix as they have. If a publisher's names differ by more,
/// pass a renaming of <see cref="WeightNames"/>.</para>
/// <para>A batch counter of batch norm (<c>num_batches_tracked</c>) that is missing or has several elements is not an error.</para>
/// <para>A tensor of another shape is loaded only if the model can resize it (a <see cref="VisionTransformer"/> resizes its positions); the
/// report lists both shapes.</para>
/// <para>Thread safety: loading changes the model, so no other thread may use the model meanwhile. Different models may be loaded at
/// once.</para>
/// </remarks>
public static class WeightLoading
{
    private const string BatchCounter = "num_batches_tracked";

    /// <summary>Loads a file of weights into a model: PyTorch's <c>.pth</c>, <c>.safetensors</c>, the file of a training checkpoint, or the
    /// index of several files.</summary>
    /// <param name="model">The model. It keeps its type and device; the values are converted and moved.</param>
    /// <param name="path">The file; its first bytes tell the format.</param>
    /// <param name="strict">Whether a missing or unexpected tensor, or one of another shape, is an error that leaves the model unchanged.
    /// Default: yes.</param>
    /// <param name="rename">Maps a name in the file to the name in the model, or to null to leave the tensor out; see
    /// <see cref="WeightNames"/>. Null for the rule in the remarks.</param>
    /// <param name="section">The part of the file that holds the tensors, one of <see cref="WeightFile.Sections"/>; null for the rule of
    /// <see cref="WeightFile"/>.</param>
    /// <returns>Which tensors matched, were missing, were unexpected, had another shape or were left out.</returns>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    /// <exception cref="InvalidDataException">The file cannot be read as weights; or it does not fit and <paramref name="strict"/> is true:
    /// the message is the report. It names the file.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static WeightReport LoadWeights(this nn.Module model, string path, bool strict = true, Func<string, string?>? rename = null,
        string? section = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var weights = WeightFile.Read(path, section);
        return InputFile.Naming(path, () =>
        {
            try
            {
                return model.LoadWeights(weights, strict, rename);
            }
            catch (InvalidDataException e) when (weights.Sections.Count > 1)
            {
                const int Shown = 12;
                throw new InvalidDataException($"{e.Message}\n  the file's section {weights.Sections[0]} was read; it also has "
                    + string.Join(", ", weights.Sections.Skip(1).Take(Shown)), e);
            }
        });
    }

    /// <summary>Loads tensors by name into a model.</summary>
    /// <param name="model">The model. It keeps its type and device; the values are converted and moved.</param>
    /// <param name="weights">The tensors.</param>
    /// <param name="strict">Whether a missing or unexpected tensor, or one of another shape, is an error that leaves the model unchanged.
    /// Default: yes.</param>
    /// <param name="rename">Maps a tensor's name to the name in the model, or to null to leave the tensor out. Null for the rule in the
    /// remarks.</param>
    /// <returns>Which tensors matched, were missing, were unexpected, had another shape or were left out.</returns>
    /// <exception cref="ArgumentNullException">The model or the tensors are null.</exception>
    /// <exception cref="InvalidDataException">The tensors do not fit and <paramref name="strict"/> is true; or two of them are renamed to
    /// one name.</exception>
    public static WeightReport LoadWeights(this nn.Module model, IReadOnlyDictionary<string, Tensor> weights, bool strict = true,
        Func<string, string?>? rename = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(weights);
        using var scope = NewDisposeScope();
        var state = model.state_dict();
        rename ??= WrapperPrefixes.Find(weights, state);

        var matches = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        List<string> unexpected = [], leftOut = [];
        List<ShapeMismatch> mismatched = [], resized = [];
        var origins = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, tensor) in weights)
        {
            if (rename(name) is not { } target)
            {
                leftOut.Add(name);
                continue;
            }
            if (!origins.TryAdd(target, name)) throw new InvalidDataException(
                $"'{origins[target]}' and '{name}' are both renamed to '{target}'.");
            if (!state.TryGetValue(target, out var own))
            {
                if (!IsCounter(target)) unexpected.Add(target);
            }
            else if (tensor.is_complex() && !own.is_complex()) throw new InvalidDataException(
                $"'{name}' is complex, and '{target}' in the model is not: its imaginary part would be lost.");
            else if (own.shape.AsSpan().SequenceEqual(tensor.shape)) matches.Add(target, tensor);
            else if (IsCounter(target))
            {
                if (tensor.numel() == 1) matches.Add(target, tensor.reshape(own.shape));
            }
            else if (Resized(model, target, tensor) is { } made && made.shape.AsSpan().SequenceEqual(own.shape))
            {
                matches.Add(target, made);
                resized.Add(new ShapeMismatch(target, tensor.shape, own.shape));
            }
            else mismatched.Add(new ShapeMismatch(target, tensor.shape, own.shape));
        }
        var report = new WeightReport
        {
            Matched = [.. state.Keys.Where(matches.ContainsKey)],
            Missing = [.. state.Keys.Where(name => !origins.ContainsKey(name) && !IsCounter(name))],
            Unexpected = unexpected,
            Mismatched = mismatched,
            Resized = resized,
            LeftOut = leftOut,
        };
        if (strict && !report.IsExact) throw new InvalidDataException(report.Refusal);
        using var noGradient = no_grad();
        foreach (var (name, tensor) in matches) state[name].copy_(tensor);
        return report;
    }

    private static Tensor? Resized(nn.Module model, string target, Tensor stored)
    {
        foreach (var (name, module) in model.named_modules().Prepend(("", model)))
            if (module is IResizesWeights resizing && (name.Length == 0 || target.StartsWith(name + ".", StringComparison.Ordinal))
                && resizing.Resize(name.Length == 0 ? target : target[(name.Length + 1)..], stored) is { } made) return made;
        return null;
    }

    private static bool IsCounter(string name) => name == BatchCounter || name.EndsWith("." + BatchCounter, StringComparison.Ordinal);
}
