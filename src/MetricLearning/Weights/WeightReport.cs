using System.Globalization;
using System.Text;

namespace MetricLearning;

/// <summary>A tensor that has one shape in the file and another in the model.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Name">Its name in the model.</param>
/// <param name="FileShape">Its shape in the file.</param>
/// <param name="ModelShape">Its shape in the model.</param>
public sealed record ShapeMismatch(string Name, IReadOnlyList<long> FileShape, IReadOnlyList<long> ModelShape)
{
    /// <summary><c>classifier.weight: [1041, 512] in the file, [751, 512] in the model</c>.</summary>
    public override string ToString() =>
        $"{Name}: [{string.Join(", ", FileShape)}] in the file, [{string.Join(", ", ModelShape)}] in the model";
}

/// <summary>The result of loading weights into a model.</summary>
/// <remarks>
/// <para>Batch norm's counters <c>num_batches_tracked</c> are loaded if they are in the file and in the model; they never count as missing,
/// unexpected or of another shape.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record WeightReport
{
    private const int Shown = 12;
    private const int Compared = 256;

    /// <summary>The names in the model that were loaded.</summary>
    public required IReadOnlyList<string> Matched { get; init; }

    /// <summary>The names in the model that are not in the file; their tensors keep their values.</summary>
    public required IReadOnlyList<string> Missing { get; init; }

    /// <summary>The names in the file, after renaming, that are not in the model.</summary>
    public required IReadOnlyList<string> Unexpected { get; init; }

    /// <summary>The tensors whose shapes differ between file and model; they keep the model's values.</summary>
    public required IReadOnlyList<ShapeMismatch> Mismatched { get; init; }

    /// <summary>Those matched tensors that had another shape in the file and that the model resized, such as a transformer's
    /// positions.</summary>
    public IReadOnlyList<ShapeMismatch> Resized { get; init; } = [];

    /// <summary>The names in the file that the renaming left out.</summary>
    public required IReadOnlyList<string> LeftOut { get; init; }

    /// <summary>Whether every tensor of the model was loaded, and every tensor of the file except those that the renaming left
    /// out.</summary>
    public bool IsExact => Missing.Count == 0 && Unexpected.Count == 0 && Mismatched.Count == 0;

    /// <summary>Formats one line of counts, then the first names of the tensors that were not loaded, that were resized, or that were left
    /// out. If a missing and an unexpected name are similar, each mentions the other; each is compared with the first 256 names.</summary>
    public override string ToString() => Text("loaded");

    /// <summary>The message about weights that are refused. None of them is loaded.</summary>
    internal string Refusal => "The weights do not fit the model, which stays as it was. LoadWeights with strict: false loads those that "
        + $"do: {Text("matched")}";

    private string Text(string matched)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture,
            $"{MessageText.Counted(Matched.Count, "tensor")} {matched}, {Missing.Count} missing in the file, "
            + $"{Unexpected.Count} unexpected, {Mismatched.Count} of another shape, {LeftOut.Count} left out");
        List("missing in the file", Missing, name => WithNear(name, Unexpected));
        List("unexpected in the file", Unexpected, name => WithNear(name, Missing));
        List("of another shape", Mismatched, mismatch => mismatch.ToString());
        List("resized", Resized, resized => resized.ToString());
        List("left out", LeftOut, name => name);
        return text.ToString();

        // A similar name is looked for only for the names that are shown: between thousands of names it takes seconds.
        void List<T>(string title, IReadOnlyList<T> items, Func<T, string> describe)
        {
            if (items.Count > 0) text.Append(CultureInfo.InvariantCulture, $"\n  {title}:");
            foreach (var item in items.Take(Shown)) text.Append(CultureInfo.InvariantCulture, $"\n    {describe(item)}");
            if (items.Count > Shown) text.Append(CultureInfo.InvariantCulture, $"\n    and {items.Count - Shown} more");
        }

        static string WithNear(string name, IReadOnlyList<string> others) =>
            NearNames.Nearest(name, [.. others.Take(Compared)]) is { } near ? $"{name} (near: {near})" : name;
    }
}
