using System.Globalization;
using System.Text;

namespace MetricLearning;

/// <summary>A tensor that is in the file and in the model, but not of one shape.</summary>
/// <param name="Name">Its name in the model.</param>
/// <param name="FileShape">Its shape in the file.</param>
/// <param name="ModelShape">Its shape in the model.</param>
public sealed record ShapeMismatch(string Name, IReadOnlyList<long> FileShape, IReadOnlyList<long> ModelShape)
{
    /// <summary><c>classifier.weight: [1041, 512] in the file, [751, 512] in the model</c>.</summary>
    public override string ToString() =>
        $"{Name}: [{string.Join(", ", FileShape)}] in the file, [{string.Join(", ", ModelShape)}] in the model";
}

/// <summary>What came of loading weights into a model.</summary>
/// <remarks>Batch norm's counters <c>num_batches_tracked</c> are loaded where they are in both, and count neither as missing nor as
/// unexpected.</remarks>
public sealed record WeightReport
{
    /// <summary>Names in the model that were loaded.</summary>
    public required IReadOnlyList<string> Matched { get; init; }

    /// <summary>Names in the model that the file has not: they keep their values.</summary>
    public required IReadOnlyList<string> Missing { get; init; }

    /// <summary>Names in the file, as renamed, that the model has not.</summary>
    public required IReadOnlyList<string> Unexpected { get; init; }

    /// <summary>Tensors in both of which the shapes differ: they keep the model's values.</summary>
    public required IReadOnlyList<ShapeMismatch> Mismatched { get; init; }

    /// <summary>Those of the matched whose shape was another in the file and which the model could resize, such as a transformer's
    /// positions.</summary>
    public IReadOnlyList<ShapeMismatch> Resized { get; init; } = [];

    /// <summary>Names in the file that the renaming left out.</summary>
    public required IReadOnlyList<string> LeftOut { get; init; }

    /// <summary>Whether every tensor of the model was loaded, and of the file only what the renaming left out was not.</summary>
    public bool IsExact => Missing.Count == 0 && Unexpected.Count == 0 && Mismatched.Count == 0;

    /// <summary>The counts in a line, and below it the names of what was not loaded; where a missing and an unexpected name are alike, both
    /// say so.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture,
            $"{Matched.Count} tensors loaded, {Missing.Count} missing in the file, {Unexpected.Count} unexpected, {Mismatched.Count} of "
            + $"another shape, {LeftOut.Count} left out");
        List("missing in the file", Missing.Select(name => WithNear(name, Unexpected)));
        List("unexpected in the file", Unexpected.Select(name => WithNear(name, Missing)));
        List("of another shape", Mismatched);
        List("resized", Resized);
        List("left out", LeftOut);
        return text.ToString();

        void List<T>(string title, IEnumerable<T> items)
        {
            const int Shown = 12;
            var left = 0;
            foreach (var item in items.Take(Shown)) text.Append(CultureInfo.InvariantCulture,
                $"{(left++ == 0 ? $"\n  {title}:" : "")}\n    {item}");
            if (items.Count() > Shown) text.Append(CultureInfo.InvariantCulture, $"\n    and {items.Count() - Shown} more");
        }

        static string WithNear(string name, IReadOnlyList<string> others) =>
            NearNames.Nearest(name, others) is { } near ? $"{name} (near: {near})" : name;
    }
}
