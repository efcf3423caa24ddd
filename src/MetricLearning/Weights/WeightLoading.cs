using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Loads weights from files into models.</summary>
/// <remarks>
/// Without a renaming, names stay as they are unless more of them fit the model without the wrappers that they begin with (up to three of
/// <c>module.</c>, <c>model.</c>, <c>net.</c>, <c>base.</c>, <c>backbone.</c>), or within the model's <c>backbone.</c>, or both; what is
/// beside the wrapped, such as a classifier, stays. Give a renaming of <see cref="WeightNames"/> where a publisher's names differ by more.
/// A tensor of another shape is loaded only if the model can resize it (a <see cref="VisionTransformer"/> its positions); the report lists
/// both.
/// </remarks>
public static class WeightLoading
{
    private const string BatchCounter = "num_batches_tracked";

    /// <summary>Loads a PyTorch <c>.pth</c> or a <c>.safetensors</c> file into a model.</summary>
    /// <param name="model">The model; its type and device stay, values are converted and moved.</param>
    /// <param name="path">The file, told apart by its first bytes.</param>
    /// <param name="strict">Whether anything missing, unexpected or of another shape is an error, in which case the model stays
    /// untouched.</param>
    /// <param name="rename">From a name in the file to the name in the model, or null to leave the tensor out; see
    /// <see cref="WeightNames"/>. By default wrappers' prefixes are found out: see the remarks.</param>
    /// <param name="section">Which dictionary of a PyTorch checkpoint holds the tensors; null for the rule of
    /// <see cref="TorchCheckpointFile"/>.</param>
    /// <returns>What matched, what was missing, unexpected, of another shape or left out.</returns>
    /// <exception cref="InvalidDataException">The file cannot be read as weights; or, if strict, it does not fit: the message is the
    /// report.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static WeightReport LoadWeights(this nn.Module model, string path, bool strict = true, Func<string, string?>? rename = null,
        string? section = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var weights = WeightFile.Read(path, section);
        return model.LoadWeights(weights, strict, rename);
    }

    /// <summary>Loads tensors by name into a model.</summary>
    /// <param name="model">The model; its type and device stay, values are converted and moved.</param>
    /// <param name="weights">The tensors.</param>
    /// <param name="strict">Whether anything missing, unexpected or of another shape is an error, in which case the model stays
    /// untouched.</param>
    /// <param name="rename">From a name of a tensor to the name in the model, or null to leave it out. By default wrappers' prefixes are
    /// found out: see the remarks.</param>
    /// <returns>What matched, what was missing, unexpected, of another shape or left out.</returns>
    /// <exception cref="InvalidDataException">Strict, and the tensors do not fit; or two of them are renamed to one name.</exception>
    public static WeightReport LoadWeights(this nn.Module model, IReadOnlyDictionary<string, Tensor> weights, bool strict = true,
        Func<string, string?>? rename = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(weights);
        using var scope = NewDisposeScope();
        var state = model.state_dict();
        rename ??= WrapperPrefixes.Find(weights.Keys, state);

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
            else if (own.shape.AsSpan().SequenceEqual(tensor.shape)) matches.Add(target, tensor);
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
        if (strict && !report.IsExact) throw new InvalidDataException($"The weights do not fit the model, which stays as it was: {report}");
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
